/**
 * Where the power is cut, and what of the disk's last writes is there then. A point is a number; with a seed it says both exactly, for
 * the same record, however many points are asked for. Pure.
 *
 * What a disk promises: all that was written before a flush is there once the flush is done, and a sector is written
 * whole or not at all. Of what was written since the last flush any part may be there.
 */
import { createHash } from "node:crypto";
import type { LoggedWrite } from "./write-log.ts";

/**
 * `flush`: nothing since the last flush. `order`: all that was written, in its order. `some`: of the writes since the
 * last flush any, and of each perhaps the beginning alone.
 */
export type Survival = "flush" | "order" | "some";

export interface CutPoint {
  readonly number: number;
  readonly seed: string;
  /** How many entries of the record had been written. */
  readonly entries: number;
  readonly survival: Survival;
}

/** What is done to the disk of an entry: its first bytes, all of them or none. */
export interface Surviving {
  readonly entry: LoggedWrite;
  readonly bytes: number;
}

/** 48 bits that only the words decide. */
function draw(...words: readonly (string | number)[]): number {
  return createHash("sha256").update(words.join(":")).digest().readUIntBE(0, 6);
}

const survivals: readonly Survival[] = ["flush", "order", "some", "some"];

/** The point of that number between two places of a record, given as numbers of entries; the last one is not included. */
export function cutPoint(
  number: number,
  { seed, first, last }: { seed: string; first: number; last: number },
): CutPoint {
  const room = Math.max(1, last - first);
  return {
    number,
    seed,
    entries: first + (draw(seed, number, "place") % room),
    survival: survivals[draw(seed, number, "survival") % survivals.length] ?? "some",
  };
}

/** Points in the order of the record, the numbers from 1 on. */
export function cutPoints(
  count: number,
  range: { seed: string; first: number; last: number },
): CutPoint[] {
  const points = Array.from({ length: count }, (_, index) => cutPoint(index + 1, range));
  return points.sort((a, b) => a.entries - b.entries || a.number - b.number);
}

/** How many of the first `count` entries a flush has brought to the disk for certain. */
export function flushedBefore(entries: readonly LoggedWrite[], count: number): number {
  for (let index = Math.min(count, entries.length); index > 0; index--)
    if (entries[index - 1]?.isFlush === true) return index;
  return 0;
}

/** Whether an entry is there whatever the point says: it was forced, or does nothing to the disk. */
const isCertain = ({ isForced, lengthBytes }: LoggedWrite): boolean =>
  isForced || lengthBytes === 0;

/** What is on the disk of the entries since the last flush, in their order. */
export function survivorsOf(
  { number, seed, entries: count, survival }: CutPoint,
  { entries, sectorBytes }: { entries: readonly LoggedWrite[]; sectorBytes: number },
): Surviving[] {
  const from = flushedBefore(entries, count);
  return entries.slice(from, count).flatMap((entry, index): Surviving[] => {
    const whole = { entry, bytes: entry.lengthBytes };
    if (isCertain(entry) || survival === "order") return [whole];
    if (survival === "flush") return [];
    const fate = draw(seed, number, "write", from + index) % 8;
    if (fate < 4) return [whole];
    if (fate < 7) return [];
    // The power went in the middle of it.
    const sectors = entry.lengthBytes / sectorBytes;
    const kept = draw(seed, number, "sectors", from + index) % sectors;
    return kept === 0 ? [] : [{ entry, bytes: kept * sectorBytes }];
  });
}

const words: Readonly<Record<Survival, string>> = {
  flush: "nothing that was written since the last flush is there",
  order: "all that was written is there",
  some: "some of what was written since the last flush is there",
};

/** A point as a person can read it. */
export const describePoint = ({ number, seed, entries, survival }: CutPoint): string =>
  `point ${number} of seed '${seed}': cut after write ${entries}, ${words[survival]}`;
