/**
 * Looks at the host beside a console, so that time which ran out can be held against it. A console that nobody read,
 * because this process did not run, is the host's fault too.
 */
import { type HostSample, judgeHost } from "../../base/host-health.ts";

/** How often the host is looked at. Milliseconds. */
const everyMs = 20_000;
/** A clock that is looked at later than this was not looked at because this process did not run. Milliseconds. */
const lateMs = 2000;
const lateTicksKept = 100;

export interface HostWatchOptions {
  /** The longest time that may be asked about, in milliseconds. */
  readonly longestMs: number;
  /** How often `tick` is called, in milliseconds. */
  readonly tickMs: number;
  /** Absent where the guest does not run on this host: a board. */
  readonly sample?: (() => HostSample) | undefined;
}

export class HostWatch {
  readonly #options: HostWatchOptions;
  #samples: HostSample[] = [];
  #tickedAt = 0;
  #lateTicks: { readonly atMs: number; readonly lateMs: number }[] = [];

  constructor(options: HostWatchOptions) {
    this.#options = options;
  }

  begin(nowMs: number): void {
    this.#tickedAt = nowMs;
  }

  /** Called on and on. False where it came so late that what was to be read meanwhile has to be read first. */
  tick(nowMs: number): boolean {
    const late = nowMs - this.#tickedAt - this.#options.tickMs;
    this.#tickedAt = nowMs;
    this.#look();
    if (late < lateMs) return true;
    this.#lateTicks = [...this.#lateTicks, { atMs: nowMs, lateMs: late }].slice(-lateTicksKept);
    return false;
  }

  #look(): void {
    const { sample, longestMs } = this.#options;
    if (sample === undefined) return;
    const isDue = (this.#samples.at(-1)?.atMs ?? -everyMs) + everyMs <= performance.now();
    if (!isDue) return;
    const kept = Math.ceil(longestMs / everyMs) + 1;
    this.#samples = [...this.#samples, sample()].slice(-kept);
  }

  /** What was wrong with the host in the last `waitedMs`, in figures; null where it was well or nobody can say. */
  trouble(waitedMs: number, nowMs: number): string | null {
    const after = this.#options.sample?.();
    if (after === undefined) return null;
    const before =
      this.#samples.findLast(({ atMs }) => atMs <= after.atMs - waitedMs) ?? this.#samples[0];
    if (before === undefined) return null;
    const late = this.#lateTicks
      .filter(({ atMs }) => atMs >= nowMs - waitedMs)
      .reduce((sum, tick) => sum + tick.lateMs, 0);
    const plannedMs = Math.max(0, after.atMs - before.atMs - late);
    const { isWell, figures } = judgeHost({ before, after, plannedMs });
    return isWell ? null : figures;
  }
}
