/** Excuses end. A date in a policy means its whole day in UTC, so that no time zone decides a promotion. */
import { z } from "zod";

const dayMs = 86_400_000;

/** Longest time into the future that an excuse may reach: what is excused for longer is excused without end. */
export const maxExcuseDays = 366;

/** `2026-12-31`: the last day on which the excuse counts. `what` is the excuse, for the message. */
export const lastDay = (what: string): z.ZodISODate =>
  z.iso.date(`expected the last day it counts, such as 2026-12-31; ${what} must end`);

/** Whether the excuse has ended at `now`. */
export const isOver = (until: string, now: Date): boolean =>
  now.getTime() >= Date.parse(until) + dayMs;

/** Whether the excuse reaches further than anybody can promise. */
export const isForEver = (until: string, now: Date): boolean =>
  Date.parse(until) - now.getTime() > maxExcuseDays * dayMs;
