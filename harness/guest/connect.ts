/** Boots are waited for here: a machine that is on becomes a guest that is logged in, or a clear error. */

import type { ConnectOptions } from "./connect-options.ts";
import type { HasOpenLine } from "./evidence-line.ts";
import type { Guest } from "./guest.ts";
import { waitForSsh } from "./ready.ts";
import { SshGuest } from "./ssh/ssh-guest.ts";
import { watchTrouble } from "./trouble.ts";

/**
 * Waits for the guest and logs in. Throws BootFailed (a fatal console line, or time ran out), MachineFault (the machine
 * died or never said a byte), what `giveUpWhen` rejects with, or the abort reason.
 */
export async function connectGuest(options: ConnectOptions): Promise<Guest & HasOpenLine> {
  const { machine, name, key, signal, timeScale } = options;
  const trouble = watchTrouble(machine, options.giveUpWhen);
  const timeoutMs = options.readyTimeoutMs ?? 120_000 * timeScale;
  const connection = await waitForSsh({
    machine,
    name,
    key,
    timeoutMs,
    timeScale,
    trouble,
    signal,
  });
  const guest = new SshGuest({ ...options, readyTimeoutMs: timeoutMs, trouble, connection });
  try {
    await guest.begin();
    return guest;
  } catch (error) {
    guest.close();
    throw error;
  }
}
