/** Boots are waited for here: a machine that is on becomes a guest that is logged in, or a clear error. */
import type { Image } from "../../images/image.ts";
import type { Machine } from "../machine/machine.ts";
import type { Guest } from "./guest.ts";
import { waitForSsh } from "./ready.ts";
import { SshGuest } from "./ssh-guest.ts";
import type { SshKey } from "./ssh-key.ts";
import { watchTrouble } from "./trouble.ts";

export interface ConnectOptions {
  /** Powered on, or a fork that runs. Stays the caller's, who ends it (see `onDispose`). */
  readonly machine: Machine;
  readonly image: Image;
  readonly name: string;
  readonly key: SshKey;
  readonly signal: AbortSignal;
  /** 1 with hardware acceleration, more under emulation: all limits are stretched by it. */
  readonly timeScale: number;
  /** From power-on (or reboot) to SSH. Default two minutes, scaled. Milliseconds. */
  readonly readyTimeoutMs?: number | undefined;
  /** Rejects when something the guest depends on is gone, e.g. its registry. */
  readonly giveUpWhen?: Promise<never> | undefined;
  /** Told durations: `reboot.seconds`, `upgrade.seconds`, `switch.seconds`. */
  readonly onMeasure?: ((name: string, value: number) => void) | undefined;
  /** Called once when the guest is disposed. */
  readonly onDispose?: (() => Promise<void>) | undefined;
}

/**
 * Waits for the guest and logs in. Throws BootFailed (a fatal console line, or time ran out), MachineFault (the machine
 * died or never said a byte), what `giveUpWhen` rejects with, or the abort reason.
 */
export async function connectGuest(options: ConnectOptions): Promise<Guest> {
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
