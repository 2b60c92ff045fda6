/** Ctrl-C, SIGTERM and a closed terminal as an abort signal: the first asks for an orderly end, the second ends the process at once. */
import { RunStopped } from "../../base/errors.ts";

export interface Interruptible extends Disposable {
  readonly signal: AbortSignal;
  /** Stops the run for a reason of ours, such as the deadline. */
  stop(reason: RunStopped): void;
}

const heard = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Listens until disposed. */
export function onInterrupt(say: (line: string) => void): Interruptible {
  const controller = new AbortController();
  const listen = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(3);
    say(`${name} received: ending the run and keeping its evidence. Once more ends at once.`);
    controller.abort(new RunStopped(`The run was interrupted by ${name}.`));
  };
  for (const name of heard) process.on(name, listen);
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      for (const name of heard) process.off(name, listen);
    },
  };
}
