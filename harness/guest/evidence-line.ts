/**
 * A way to ask a guest for evidence when its scenario is over: it knows nothing of time limits that have run out, of
 * fatal lines on the console or of another boot, which all end what a scenario asks. Only a machine that has died, and
 * the signal it is given, end it.
 */
import type { Machine } from "../machine/machine.ts";
import { channelOf } from "./channel/channel-of.ts";
import type { TransportChoice } from "./connect-options.ts";
import { askBoot, type Reached } from "./reached.ts";
import { reachSerialOnce } from "./serial/await-serial.ts";
import { sshAddressOf } from "./ssh/address-of.ts";
import { openBannerSocket } from "./ssh/banner.ts";
import { login } from "./ssh/ssh.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { Transport } from "./transport.ts";

export type EvidenceLine = Pick<Transport, "kind" | "exec" | "end">;

/** A guest that may still have a connection open. */
export interface HasOpenLine {
  /** The connection its commands use, while it is open; it stays the guest's. */
  readonly openLine: EvidenceLine | null;
}

export interface EvidenceLogin {
  readonly key: SshKey;
  /** 1 with hardware acceleration, more under emulation. */
  readonly timeScale: number;
  /** How its story speaks to it. Where that is the serial console, nothing is tried over SSH. */
  readonly transport?: TransportChoice | undefined;
}

export interface LoginLimits {
  /** For the banner, milliseconds. */
  readonly bannerMs: number;
  readonly signal: AbortSignal;
}

/**
 * Logs in once, whatever is known of the guest, and asks which boot answers. Rejects with a plain Error, with
 * ExpectationFailed or CommandFailed where the answer is not a boot ID, or with the abort reason.
 */
export async function logInForEvidence(
  machine: Pick<Machine, "sshAddress" | "console">,
  { key, timeScale }: EvidenceLogin,
  { bannerMs, signal }: LoginLimits,
): Promise<Reached> {
  const address = await sshAddressOf(machine, signal);
  const socket = await openBannerSocket(address, { timeoutMs: bannerMs, signal });
  const scale = Math.max(1, timeScale);
  const patience = { timeoutMs: 30_000 * scale, keepaliveMs: 10_000 * scale };
  const connection = await login(socket, { key, ...patience, signal });
  try {
    const asking = { name: "evidence", lookAt: machine.console.path, timeoutMs: 10_000 * scale };
    return await askBoot(connection, { ...asking, signal });
  } catch (error) {
    connection.end();
    throw error;
  }
}

/** The ways to a guest, the cheapest first; each is asked for only when the one before has not said all. */
export async function* evidenceLines(
  {
    machine,
    guest,
    login: how,
  }: {
    readonly machine: Pick<Machine, "accelerator" | "console" | "port" | "sshAddress" | "start">;
    readonly guest: HasOpenLine | null;
    readonly login: EvidenceLogin;
  },
  limits: LoginLimits,
): AsyncGenerator<EvidenceLine> {
  const open = guest?.openLine ?? null;
  if (open !== null) yield open;
  const channel = channelOf(machine, how.timeScale);
  if (channel?.isOpen === true && channel !== open) yield channel;
  const { transport } =
    how.transport === "serial"
      ? await reachSerialOnce({ machine, name: "evidence", ...how }, limits.signal)
      : await logInForEvidence(machine, how, limits);
  try {
    yield transport;
  } finally {
    transport.end();
  }
}
