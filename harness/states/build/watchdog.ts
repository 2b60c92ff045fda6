/** Ends what stands still: work is alive as long as something of it changes, however slow the host is. */
import { whyFull } from "../../base/no-space.ts";

export interface WatchdogOptions {
  /** How long nothing may change. Milliseconds. */
  readonly limitMs: number;
  /** What changes while work goes on, as a word. A look that throws counts as no change. */
  readonly look: () => Promise<string>;
  /**
   * Where the work writes. QEMU lets a machine stand still whose disk cannot grow (`werror=enospc`, qemu(1)), so that a full
   * disk ends the work at once, and by its name.
   */
  readonly writesTo?: string;
  /** Why the work ends. */
  readonly reason: () => Error;
}

/** Looks cost next to nothing; a limit is some minutes. */
const lookEveryMs = 1000;

export interface Watchdog extends Disposable {
  /** Aborts with the reason once nothing has changed for too long. */
  readonly signal: AbortSignal;
}

/** Begins to look. Dispose it when the work has ended. */
export function startWatchdog({ limitMs, look, writesTo, reason }: WatchdogOptions): Watchdog {
  const controller = new AbortController();
  let seen: string | null = null;
  let changedAt = performance.now();
  let isLooking = false;
  const check = async (): Promise<void> => {
    const full = writesTo === undefined ? null : await whyFull(writesTo);
    if (full !== null) controller.abort(full);
    const now = await look().catch(() => seen);
    if (now !== seen) {
      seen = now;
      changedAt = performance.now();
    }
    if (performance.now() - changedAt > limitMs) controller.abort(reason());
  };
  const timer = setInterval(
    () => {
      if (isLooking) return;
      isLooking = true;
      void check().finally(() => {
        isLooking = false;
      });
    },
    Math.min(lookEveryMs, limitMs / 4),
  );
  timer.unref();
  return { signal: controller.signal, [Symbol.dispose]: () => clearInterval(timer) };
}
