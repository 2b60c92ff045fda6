/** Ctrl-C and SIGTERM as an abort signal: the first asks for an orderly end, the second ends the process at once. */
import { RunStopped } from "../base/errors.ts";

export interface Interruptible extends Disposable {
  readonly signal: AbortSignal;
  /** Stops the run for a reason of ours, such as the deadline. */
  stop(reason: RunStopped): void;
}

/** Listens until disposed. */
export function onInterrupt(say: (line: string) => void): Interruptible {
  const controller = new AbortController();
  const listen = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(3);
    say(`${name} received: ending the run and keeping its evidence. Once more ends at once.`);
    controller.abort(new RunStopped(`The run was interrupted by ${name}.`));
  };
  process.on("SIGINT", listen);
  process.on("SIGTERM", listen);
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      process.off("SIGINT", listen);
      process.off("SIGTERM", listen);
    },
  };
}
