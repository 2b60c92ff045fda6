/**
 * How long a boot may take until it answers. The time counts from the boot that goes on, and not from one before it: a first
 * boot that restarts by itself (Ignition's kernel arguments, SELinux labels) begins again, and so does a guest that has first
 * to go down. A boot that shows that it moves gets more, up to a limit.
 */
import { awaitedBy, isRelabelling } from "../machine/console/awaited.ts";
import { bootStages, type Console } from "../machine/console/console.ts";

/**
 * A unit may take this long to stop: ostree-finalize-staged.service has `TimeoutStopSec=5m` (ostree, src/boot), more than
 * systemd-system.conf(5) has by default. Milliseconds, scaled.
 */
const stopMs = 330_000;
/** Labels of a whole desktop take minutes (`selinux-autorelabel.service` of policycoreutils has no limit): so many times a boot's time. */
const relabelTimes = 2;
/** A boot that still speaks before its user space has so many times its time: a story's own limit has to be longer. */
const movingTimes = 1.25;
/** A boot that has shown nothing new for this part of its time stands still. */
const stillPart = 1 / 12;

export interface BootTimeOptions {
  readonly machine: { readonly console: Console };
  readonly timeoutMs: number;
  readonly timeScale: number;
  /** For a guest that has to go down first: what it has for that as long as no boot is seen to begin. Milliseconds. */
  readonly wayDownMs?: (() => number) | undefined;
  /** No boot is waited for: the time is what it is. */
  readonly isFixed?: boolean | undefined;
}

export class BootTime implements Disposable {
  readonly #options: BootTimeOptions;
  readonly #began = performance.now();
  #bootAt: number | null = null;
  #rank = -1;
  readonly #stop: () => void;
  /** What was given so far. Milliseconds. */
  plannedMs: number;

  constructor(options: BootTimeOptions) {
    this.#options = options;
    this.plannedMs = options.timeoutMs;
    this.#stop = options.machine.console.onStage(({ stage }) => {
      const rank = bootStages.indexOf(stage);
      if (rank > 0 && (this.#bootAt === null || rank <= this.#rank))
        this.#bootAt = performance.now();
      this.#rank = rank;
    });
  }

  /** Milliseconds more; 0 when it is over. */
  readonly more = (): number => {
    const moreMs = this.#options.isFixed === true ? 0 : Math.max(0, this.#rest());
    this.plannedMs += moreMs;
    return moreMs;
  };

  #rest(): number {
    const { timeoutMs, wayDownMs } = this.#options;
    const sinceMs = performance.now() - this.#began;
    const restMs =
      this.#bootAt === null
        ? (wayDownMs?.() ?? 0) - sinceMs
        : timeoutMs - (performance.now() - this.#bootAt);
    if (restMs >= 1) return restMs;
    return sinceMs < this.#limitMs() ? timeoutMs * stillPart : 0;
  }

  /** How long what the console shows may take, since the wait began. */
  #limitMs(): number {
    const { machine, timeoutMs, timeScale } = this.#options;
    const { console } = machine;
    const awaited = awaitedBy(console.said(12));
    if (awaited !== null) {
      if (isRelabelling(awaited)) return relabelTimes * timeoutMs;
      return awaited.includes("the stop of '") ? stopMs * timeScale : 0;
    }
    const isBefore = console.stage === "kernel" || console.stage === "initrd";
    const { heardAt = null } = console;
    const isMoving = heardAt !== null && performance.now() - heardAt < timeoutMs * stillPart;
    return isBefore && isMoving ? movingTimes * timeoutMs : 0;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
