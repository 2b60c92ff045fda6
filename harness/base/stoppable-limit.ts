/** A time limit that can stand still: what a person needs for an act of theirs is not a job's time. */

export interface StoppableLimit extends Disposable {
  /** Aborted, with what `reason` gives, when the time is up. */
  readonly signal: AbortSignal;
  /** Stops the clock until each such pause has been ended. Ending one twice does nothing. */
  pause(): () => void;
}

/** Starts a limit of so many milliseconds. `now`: milliseconds that never go back. */
export function startLimit(
  limitMs: number,
  reason: () => Error,
  now: () => number = performance.now.bind(performance),
): StoppableLimit {
  const controller = new AbortController();
  let leftMs = limitMs;
  let since = now();
  let pauses = 0;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    since = now();
    timer = setTimeout(() => controller.abort(reason()), leftMs);
  };
  run();
  return {
    signal: controller.signal,
    pause() {
      if (pauses++ === 0) {
        clearTimeout(timer);
        leftMs = Math.max(0, leftMs - (now() - since));
      }
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        if (--pauses === 0 && !controller.signal.aborted) run();
      };
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      // A pause that ends later must not start it again.
      pauses = Number.POSITIVE_INFINITY;
    },
  };
}
