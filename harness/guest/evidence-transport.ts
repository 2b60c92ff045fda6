/**
 * A way to ask a guest what went wrong, whatever became of the way that the story used: the root channel where it
 * answers, else the story's own connection, else a login of its own. It knows nothing of the job's signal and limits.
 */
import type { Machine } from "../machine/machine.ts";
import { channelOf } from "./channel/channel-of.ts";
import { commands } from "./commands.ts";
import type { Guest } from "./guest.ts";
import { askBoot } from "./reached.ts";
import { openBannerSocket } from "./ssh/banner.ts";
import { login } from "./ssh/ssh.ts";
import { SshGuest } from "./ssh/ssh-guest.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { ExecOutcome, Transport } from "./transport.ts";

export interface EvidenceOptions {
  readonly machine: Pick<Machine, "port" | "sshAddress" | "console">;
  readonly name: string;
  /** Null where the boot failed. */
  readonly guest: Guest | null;
  /** For a login; null: none is tried. */
  readonly key: SshKey | null;
  readonly timeScale: number;
  /** For all of the opening, milliseconds. */
  readonly timeoutMs: number;
}

/** Disposing ends what was opened for it, and never the story's own connection. */
export interface EvidenceIo extends Disposable {
  readonly over: Transport["kind"];
  /** Runs a command within its own limit. Never throws; null when the guest does not answer any more. */
  ask(
    command: string,
    limits: { timeoutMs: number; maxBytes?: number },
  ): Promise<ExecOutcome | null>;
}

const defaultMaxBytes = 4 * 1024 * 1024;

/** Opens the first way that answers, or null where the guest is dumb. Never throws. */
export async function openEvidence(options: EvidenceOptions): Promise<EvidenceIo | null> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  for (const way of [overChannel, overStory, overLogin]) {
    const io = await way(options, signal).catch(() => null);
    if (io !== null) return io;
  }
  return null;
}

type Way = (options: EvidenceOptions, signal: AbortSignal) => Promise<EvidenceIo | null>;

const overChannel: Way = async (options, signal) => {
  const channel = channelOf(options.machine, options.timeScale);
  if (channel === null || !channel.isOpen) return null;
  return (await answers(channel, options.timeoutMs / 3, signal)) ? createIo(channel) : null;
};

const overStory: Way = async ({ guest, timeoutMs }, signal) => {
  if (!(guest instanceof SshGuest) || !guest.transport.isOpen) return null;
  return (await answers(guest.transport, timeoutMs / 3, signal)) ? createIo(guest.transport) : null;
};

const overLogin: Way = async ({ machine, key, name, timeoutMs }, signal) => {
  if (key === null) return null;
  const address = await machine.sshAddress(signal);
  const socket = await openBannerSocket(address, { timeoutMs: timeoutMs / 3, signal });
  const connection = await login(socket, { key, timeoutMs, keepaliveMs: 10_000, signal });
  try {
    const lookAt = machine.console.path;
    const { transport } = await askBoot(connection, { name, lookAt, timeoutMs, signal });
    return createIo(transport, () => connection.end());
  } catch (error) {
    connection.end();
    throw error;
  }
};

async function answers(
  transport: Transport,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const limits = { timeoutMs, maxBytes: 64 * 1024, signal };
  return (await transport.exec(commands.load, limits)).exitCode === 0;
}

function createIo(transport: Transport, end: () => void = () => undefined): EvidenceIo {
  return {
    over: transport.kind,
    async ask(command, { timeoutMs, maxBytes = defaultMaxBytes }) {
      // The transport keeps the limit; the signal is for a transport that does not.
      const signal = AbortSignal.timeout(timeoutMs + 5000);
      const limits = { timeoutMs, maxBytes, signal };
      const outcome = await transport.exec(command, limits).catch(() => null);
      return outcome === null || outcome.lost !== null ? null : outcome;
    },
    [Symbol.dispose]: end,
  };
}
