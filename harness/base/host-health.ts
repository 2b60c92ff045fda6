/**
 * Whether the host was well while something of a guest ran out of time. A guest on a host that is starved of processor
 * or memory is slow for reasons that are not its own, and one whose console cannot be kept seems silent, so the host is
 * looked at before an image is blamed.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import type { HostUnfit } from "./errors.ts";
import { whyFullNow } from "./no-space.ts";
import { throttledMs } from "./throttled.ts";

/** What the kernel of the host says at one moment. Null where it does not say it. */
export interface HostSample {
  /** Milliseconds that never go back. */
  readonly atMs: number;
  /** Clock ticks of all processors, in all and stolen by a hypervisor (proc_stat(5)). */
  readonly ticks: number | null;
  readonly stolenTicks: number | null;
  /** Runnable and waiting tasks, mean of one minute (proc_loadavg(5)). */
  readonly load: number | null;
  /** Percent of the last ten seconds in which all tasks waited for memory (kernel docs, accounting/psi). */
  readonly memoryPressure: number | null;
  /** Milliseconds of processor time that a limit of this process's container has kept from it, so far. */
  readonly throttledMs: number | null;
}

export interface HostVerdict {
  readonly isWell: boolean;
  /** The figures, for the details of a message. */
  readonly figures: string;
  /** The disk that holds the guest's console is full: then nothing that was waited for could be seen. */
  readonly full?: HostUnfit | undefined;
}

/** From here on a guest's slowness is not its own. */
const limits = {
  stolenPercent: 20,
  /** Of one processor's time. */
  throttledPercent: 50,
  loadPerProcessor: 4,
  memoryPercent: 20,
  lateRatio: 0.1,
  lateMs: 2000,
};

/** `/proc/stat`: the first line's columns are user nice system idle iowait irq softirq steal guest guest_nice. */
export function parseTicks(stat: string): { ticks: number; stolenTicks: number } | null {
  const columns = /^cpu +(\d.*)$/m.exec(stat)?.[1]?.trim().split(/ +/).slice(0, 8).map(Number);
  if (columns === undefined || columns.length < 8 || columns.some(Number.isNaN)) return null;
  return { ticks: columns.reduce((sum, value) => sum + value, 0), stolenTicks: columns[7] ?? 0 };
}

/** The mean of ten seconds on the line `full` of a pressure file. */
export function parsePressure(text: string): number | null {
  const value = /^full avg10=(\d{1,3}(?:\.\d{1,4})?) /m.exec(text)?.[1];
  return value === undefined ? null : Number(value);
}

/** Looks at the host. Never throws: what cannot be read is null. Files of proc(5) are memory, so this takes no time. */
export function sampleHost(): HostSample {
  const ticks = parseTicks(read("/proc/stat"));
  const load = Number.parseFloat(read("/proc/loadavg"));
  return {
    atMs: performance.now(),
    ticks: ticks?.ticks ?? null,
    stolenTicks: ticks?.stolenTicks ?? null,
    load: Number.isNaN(load) ? null : load,
    memoryPressure: parsePressure(read("/proc/pressure/memory")),
    throttledMs: throttledMs(),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** Judges the host over the time since `before`, which was to last `plannedMs` milliseconds. `log`: the file of the guest's console. */
export function hostSince(
  before: HostSample,
  { plannedMs, guestIsHere, log }: Pick<HostSpan, "plannedMs" | "guestIsHere"> & { log: string },
): HostVerdict {
  const full = whyFullNow(dirname(log));
  const { isWell, figures } = judgeHost({
    before,
    after: sampleHost(),
    plannedMs,
    ...(guestIsHere === undefined ? {} : { guestIsHere }),
  });
  return full === null ? { isWell, figures } : { isWell: false, figures, full };
}

export interface HostSpan {
  readonly before: HostSample;
  readonly after: HostSample;
  /** What was to take this long; a timer that rings late shows a process of ours that did not run. Milliseconds. */
  readonly plannedMs: number;
  /** False for a guest on hardware of its own (a board): then only our own lateness counts. Default true. */
  readonly guestIsHere?: boolean;
  readonly processors?: number;
}

/** Judges a span in which something ran out of time. Pure. */
export function judgeHost({
  before,
  after,
  plannedMs,
  guestIsHere = true,
  processors = availableParallelism(),
}: HostSpan): HostVerdict {
  const stolen = stolenPercent(before, after);
  const lateMs = Math.max(0, after.atMs - before.atMs - plannedMs);
  const throttled = throttledPercent(before, after);
  const perProcessor = after.load === null ? null : after.load / processors;
  const found: readonly [boolean, string | null][] = [
    [
      (stolen ?? 0) >= limits.stolenPercent,
      stolen === null ? null : `${stolen.toFixed(0)} % of its processors stolen`,
    ],
    [
      (throttled ?? 0) >= limits.throttledPercent,
      (throttled ?? 0) < 1
        ? null
        : `${throttled?.toFixed(0)} % of a processor kept back by a limit`,
    ],
    [
      (perProcessor ?? 0) >= limits.loadPerProcessor,
      after.load === null ? null : `load ${after.load.toFixed(1)} on ${processors} processors`,
    ],
    [
      (after.memoryPressure ?? 0) >= limits.memoryPercent,
      after.memoryPressure === null
        ? null
        : `${after.memoryPressure.toFixed(0)} % waiting for memory`,
    ],
    [
      lateMs >= limits.lateMs && lateMs >= plannedMs * limits.lateRatio,
      `own timer ${(lateMs / 1000).toFixed(1)} s late`,
    ],
  ];
  const counted = guestIsHere ? found : found.slice(-1);
  const isWell = !counted.some(([isBad]) => isBad);
  return {
    isWell,
    figures: counted.flatMap(([, words]) => (words === null ? [] : [words])).join(", "),
  };
}

function stolenPercent(before: HostSample, after: HostSample): number | null {
  if (before.ticks === null || after.ticks === null) return null;
  if (before.stolenTicks === null || after.stolenTicks === null) return null;
  const ticks = after.ticks - before.ticks;
  return ticks <= 0 ? null : ((after.stolenTicks - before.stolenTicks) / ticks) * 100;
}

function throttledPercent(before: HostSample, after: HostSample): number | null {
  const ms = after.atMs - before.atMs;
  if (before.throttledMs === null || after.throttledMs === null || ms <= 0) return null;
  return ((after.throttledMs - before.throttledMs) / ms) * 100;
}
