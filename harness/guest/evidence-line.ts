/**
 * A way to ask a guest for evidence when its scenario is over: it knows nothing of time limits that have run out, of
 * fatal lines on the console or of another boot, which all end what a scenario asks. Only a machine that has died, and
 * the signal it is given, end it.
 */
import type { Machine } from "../machine/machine.ts";
import { openBannerSocket } from "./ssh/banner.ts";
import { login, type SshConnection } from "./ssh/ssh.ts";
import type { ExecLimits, ExecOutcome } from "./ssh/ssh-exec.ts";
import type { SshKey } from "./ssh/ssh-key.ts";

export interface EvidenceLine {
  /** Runs one command line. Rejects with the abort reason only. */
  exec(command: string, limits: ExecLimits): Promise<ExecOutcome>;
  end(): void;
}

/** A guest that may still have a connection open. */
export interface HasOpenLine {
  /** The connection its commands use, while it is open; it stays the guest's. */
  readonly openLine: EvidenceLine | null;
}

export interface EvidenceLogin {
  readonly key: SshKey;
  /** 1 with hardware acceleration, more under emulation. */
  readonly timeScale: number;
}

/** Logs in once, whatever is known of the guest. Rejects with a plain Error, or with the abort reason. */
export async function logInForEvidence(
  machine: Pick<Machine, "sshAddress">,
  { key, timeScale }: EvidenceLogin,
  { bannerMs, signal }: { readonly bannerMs: number; readonly signal: AbortSignal },
): Promise<SshConnection> {
  const address = await machine.sshAddress(signal);
  const socket = await openBannerSocket(address, { timeoutMs: bannerMs, signal });
  const scale = Math.max(1, timeScale);
  return login(socket, { key, timeoutMs: 30_000 * scale, keepaliveMs: 10_000 * scale, signal });
}
