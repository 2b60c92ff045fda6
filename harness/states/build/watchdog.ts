/** Ends what stands still: work is alive as long as something of it changes, however slow the host is. */

export interface WatchdogOptions {
  /** How long nothing may change. Milliseconds. */
  readonly limitMs: number;
  /** What changes while work goes on, as a word. A look that throws counts as no change. */
  readonly look: () => Promise<string>;
  /**
   * Asked at each look: an error ends the work at once, and by its name. QEMU lets a machine stand still whose disk cannot
   * grow (`werror=enospc`, qemu(1)), so ask whether the host's disk is full.
   */
  readonly whyHopeless?: () => Promise<Error | null>;
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
export function startWatchdog({ limitMs, look, whyHopeless, reason }: WatchdogOptions): Watchdog {
  const controller = new AbortController();
  let seen: string | null = null;
  let changedAt = performance.now();
  let isLooking = false;
  const check = async (): Promise<void> => {
    const hopeless = (await whyHopeless?.()) ?? null;
    if (hopeless !== null) controller.abort(hopeless);
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
