/**
 * Proof of a reboot: a new connection on which the kernel tells another boot ID. A port that answers again proves
 * nothing, since the old sshd may still be shutting down.
 */
import { BootFailed, ExpectationFailed } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import { bootStages } from "../machine/console/console.ts";
import { commands } from "./commands.ts";
import { excerptStart } from "./excerpt.ts";
import { type ReadyOptions, waitForSsh } from "./ready.ts";
import type { SshConnection } from "./ssh/ssh.ts";

export interface RebootOptions extends Omit<ReadyOptions, "accept" | "onTimeout"> {
  /** Boot ID of the boot that was asked to end. */
  readonly before: string;
}

/** Waits for another boot of the same guest. Throws BootFailed when none comes, ExpectationFailed when it is the same one. */
export async function reconnectAfterReboot(options: RebootOptions): Promise<SshConnection> {
  const { machine, name, before, timeoutMs } = options;
  let sameAnswers = 0;
  const accept = async (connection: SshConnection): Promise<boolean> => {
    const bootId = await askOver(connection, commands.bootId, options);
    if (bootId !== before) return true;
    sameAnswers++;
    const restarted = bootStages.indexOf(machine.console.stage) >= bootStages.indexOf("userspace");
    if (restarted) throw sameBoot(name, before, machine.console.path);
    return false;
  };
  return waitForSsh({
    ...options,
    accept,
    onTimeout: (details) =>
      sameAnswers > 0
        ? sameBoot(name, before, machine.console.path)
        : new BootFailed(
            `Guest '${name}' did not come back within ${formatDuration(timeoutMs)} of its reboot.`,
            { stage: machine.console.stage, details, lookAt: machine.console.path },
          ),
  });
}

/** What a short command says over a connection that is not the guest's yet. Throws when it says nothing. */
async function askOver(
  connection: SshConnection,
  command: string,
  { signal, trouble, timeScale }: Omit<RebootOptions, "before">,
): Promise<string> {
  const outcome = await connection.exec(command, {
    timeoutMs: 30_000 * Math.max(1, timeScale),
    maxBytes: 4096,
    signal: AbortSignal.any([signal, trouble.signal]),
  });
  const answer = outcome.stdout.trim();
  if (outcome.exitCode !== 0 || answer === "")
    throw new Error(`'${command}' said "${excerptStart(answer, 60)}"`);
  return answer;
}

/** Waits for a user space that has counted one more soft reboot. Throws BootFailed when none comes. */
export async function reconnectAfterSoftReboot(
  options: Omit<RebootOptions, "before"> & { readonly before: number },
): Promise<SshConnection> {
  const { machine, name, before, timeoutMs } = options;
  return waitForSsh({
    ...options,
    accept: async (connection) =>
      Number(await askOver(connection, commands.softReboots, options)) > before,
    onTimeout: (details) =>
      new BootFailed(
        `Guest '${name}' did not come back within ${formatDuration(timeoutMs)} of its soft reboot.`,
        { stage: machine.console.stage, details, lookAt: machine.console.path },
      ),
  });
}

const sameBoot = (name: string, bootId: string, lookAt: string): ExpectationFailed =>
  new ExpectationFailed(`Guest '${name}' was asked to reboot, but the same boot answers.`, {
    details: { "boot ID": bootId },
    lookAt,
  });
