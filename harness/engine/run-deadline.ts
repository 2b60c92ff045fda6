/** A run's deadline: ends what runs with time left for evidence, and starts nothing that would not end before it. */

import { RunStopped } from "../base/errors.ts";
import { longestTimerMs } from "../base/units.ts";
import { fitsBefore } from "./fits-before.ts";

/** Time kept before a deadline for evidence, tear-down and reports. */
const wrapUpMs = 30_000;

export interface DeadlineOptions {
  /** Milliseconds from now; null: there is none. */
  readonly deadlineMs: number | null;
  readonly stop: (reason: RunStopped) => void;
  /** Milliseconds a job is expected to take; null when nothing is known. */
  readonly expectedMs: (job: string) => number | null;
}

export interface RunDeadline extends Disposable {
  /** Whether an attempt of a job may begin now. */
  mayStart(job: { readonly id: string }, attempt: number): boolean;
  /** Why jobs were not started, if any were held back. */
  whyHeldBack(): string | undefined;
}

/** Calls `stop` when the deadline is near, at once when it is over; until it is disposed. */
export function startDeadline({ deadlineMs, stop, expectedMs }: DeadlineOptions): RunDeadline {
  if (deadlineMs === null) {
    return {
      mayStart: () => true,
      whyHeldBack: () => undefined,
      [Symbol.dispose]: () => undefined,
    };
  }
  const keptMs = Math.max(0, Math.min(wrapUpMs, deadlineMs / 4));
  const leftMs = Math.max(0, deadlineMs - keptMs);
  const endMs = performance.now() + leftMs;
  const timer = setTimeout(
    () => stop(new RunStopped("The run's deadline is near.", { wrapUpMs: keptMs })),
    // A deadline of a month, which GitLab may well tell, is kept too well rather than at once.
    Math.min(leftMs, longestTimerMs),
  );
  const heldBack = new Set<string>();
  return {
    mayStart({ id }, attempt) {
      const remainingMs = endMs - performance.now();
      if (fitsBefore({ expectedMs: expectedMs(id), remainingMs })) return true;
      if (attempt === 1) heldBack.add(id);
      return false;
    },
    whyHeldBack: () =>
      heldBack.size === 0
        ? undefined
        : `The run's deadline was too near to start ${heldBack.size} more ${heldBack.size === 1 ? "job" : "jobs"}.`,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
