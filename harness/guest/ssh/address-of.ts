/** Where a guest's sshd is looked for. */
import { CannotTell } from "../../base/errors.ts";
import type { Machine, SshAddress } from "../../machine/machine.ts";

/** Throws CannotTell for a machine without the role of the network. */
export async function sshAddressOf(
  machine: Pick<Machine, "sshAddress">,
  signal: AbortSignal,
): Promise<SshAddress> {
  if (machine.sshAddress === undefined)
    throw new CannotTell("The machine does not have a network, so nothing can be done over SSH.", {
      details: { "to do": "use --transport serial" },
    });
  return machine.sshAddress(signal);
}
