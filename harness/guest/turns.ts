/** One command at a time, over a way into a guest that has room for one. */
import type { ExecLimits } from "./transport.ts";

export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Waits for the command before. Returns what ends the turn, or null when the limit came first; rejects with the abort reason. */
  async take({
    timeoutMs,
    signal,
  }: Pick<ExecLimits, "timeoutMs" | "signal">): Promise<(() => void) | null> {
    const before = this.#last;
    let release: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#last = before.then(() => mine);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs))]);
    const late = new Promise<"late">((resolve) => {
      limit.addEventListener("abort", () => resolve("late"), { once: true });
    });
    if ((await Promise.race([before.then(() => "turn" as const), late])) === "turn") return release;
    release();
    signal.throwIfAborted();
    return null;
  }
}
