/**
 * Everything that makes waiting for a guest useless, as one promise: a fatal line on the console, the death of the
 * machine, the death of a service the guest depends on. Each is subscribed to once per boot, however many commands run.
 */
import type { Machine } from "../machine/machine.ts";

/** Rejects with the first trouble; never resolves. `signal` aborts with the same error. */
export interface Trouble {
  readonly promise: Promise<never>;
  readonly signal: AbortSignal;
}

/** Watches the current boot. Take a new one after `console.rebooting()`. */
export function watchTrouble(
  machine: Pick<Machine, "console" | "died">,
  giveUpWhen?: Promise<never>,
): Trouble {
  const controller = new AbortController();
  const promise = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), {
      once: true,
    });
  });
  // Nobody has to be waiting at that moment; the next command meets the aborted signal.
  promise.catch(() => undefined);
  const sources = [machine.console.fatal, machine.died, giveUpWhen];
  for (const source of sources) source?.catch((error: unknown) => controller.abort(error));
  return { promise, signal: controller.signal };
}
