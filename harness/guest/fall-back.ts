/**
 * The way back from a deployment whose own health checks fail: it restarts the machine by itself, and one of the boots that follow is
 * another deployment's. Which one a boot is tells a file that the deployment to be left has.
 */
import { ExpectationFailed } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import { commands } from "./commands.ts";
import type { ReachOptions } from "./reach-options.ts";
import { consoleTail } from "./reach-words.ts";
import type { Reached } from "./reached.ts";
import { shortly } from "./reboot.ts";

/** Words of a start-up that has ended and of a system that is not on its way down (systemctl(1), `is-system-running`). */
const atRest = /^(?:running|degraded|maintenance)$/;
/** For so long nothing may happen in a system at rest until it is believed to stay. Milliseconds, scaled. */
const restMs = 45_000;

export interface ThroughRed {
  /** A file that no deployment has but the one that is to be left. Absent: none is, and any boot that answers is the one that is waited for. */
  readonly past?: string;
  /** How often failing health checks may restart the machine. */
  readonly restarts: number;
}

/**
 * Whether a boot that answers is another deployment's. Throws ExpectationFailed for one whose start-up has ended and which stays, a plain
 * Error where its answer was lost.
 */
export function isPast(
  path: string,
  options: Omit<ReachOptions, "accept" | "onTimeout">,
): (reached: Reached) => Promise<boolean> {
  const { name, machine, timeScale } = options;
  let rest: { readonly bootId: string; readonly atMs: number } | null = null;
  return async ({ transport, bootId }) => {
    const found = await transport.exec(commands.isFile(path), shortly(options));
    if (found.exitCode === 1) return true;
    if (found.exitCode !== 0) throw new Error(found.lost ?? "it did not say what it booted");
    machine.console.guestLives?.();
    const word = (await transport.exec(commands.systemStateNow, shortly(options))).stdout.trim();
    if (!atRest.test(word)) rest = null;
    else if (rest?.bootId !== bootId) rest = { bootId, atMs: performance.now() };
    if (rest === null || performance.now() - rest.atMs < restMs * timeScale) return false;
    throw new ExpectationFailed(
      `Guest '${name}' stays in the deployment whose health check fails: its start-up ended, and nothing happened for ${formatDuration(restMs * timeScale)}.`,
      {
        details: { state: word, console: consoleTail(machine.console) },
        lookAt: machine.console.path,
      },
    );
  };
}
