/** Boots are waited for here: a machine that is on becomes a guest that answers, or a clear error. */

import { deviation } from "../base/deviations.ts";
import { BootgateError } from "../base/errors.ts";
import { channelOf } from "./channel/channel-of.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import type { ConnectOptions } from "./connect-options.ts";
import type { HasOpenLine } from "./evidence-line.ts";
import type { Guest } from "./guest.ts";
import { reach } from "./reach.ts";
import type { ReachOptions } from "./reach-options.ts";
import { runsHere } from "./reach-words.ts";
import type { Reached } from "./reached.ts";
import { mayType } from "./serial/serial-line.ts";
import { DelimitedShell } from "./ssh/delimited-shell.ts";
import { SshGuest } from "./ssh/ssh-guest.ts";
import { provedSshFault } from "./ssh-trouble.ts";
import { askSshdWished } from "./tools/systemd.ts";
import { watchTrouble } from "./trouble.ts";

/**
 * Waits for the guest and logs in. Throws BootFailed (a fatal console line, a fault that the guest admits, or time ran
 * out), CannotTell (it may have booted), MachineFault (the machine died or never said a byte), what `giveUpWhen` rejects
 * with, or the abort reason.
 */
export async function connectGuest(options: ConnectOptions): Promise<Guest & HasOpenLine> {
  const { machine, name, key, signal, timeScale, transport = "ssh" } = options;
  const trouble = watchTrouble(machine, options.giveUpWhen);
  const timeoutMs = options.readyTimeoutMs ?? 120_000 * timeScale;
  const channel = channelOf(machine, timeScale);
  const { account } = options;
  const waiting = { machine, name, key, channel, account, timeoutMs, timeScale, trouble, signal };
  const reached = await reachBy(transport, waiting, options);
  const guest = new SshGuest({
    ...options,
    readyTimeoutMs: timeoutMs,
    trouble,
    channel,
    reached,
  });
  try {
    await guest.begin();
    await tellDeviations(reached, channel, options);
    return guest;
  } catch (error) {
    guest.close();
    throw error;
  }
}

async function reachBy(
  transport: NonNullable<ConnectOptions["transport"]>,
  waiting: Omit<ReachOptions, "over">,
  { onNote }: ConnectOptions,
): Promise<Reached> {
  if (transport !== "auto" && transport !== "any") return reach({ ...waiting, over: transport });
  try {
    return await reach({ ...waiting, over: "ssh" });
  } catch (error) {
    const { channel, machine, trouble, signal } = waiting;
    if (trouble.signal.aborted || signal.aborted || !(error instanceof BootgateError)) throw error;
    // A proved fault stays one: stories that pass over another way would promote an image that its users cannot reach.
    if (transport === "auto" && error.blame === "image") throw error;
    const { console } = machine;
    const over = channel?.isOpen === true ? "channel" : "serial";
    if (over === "serial" && !(console.takesKeys === true && mayType(console.stage))) throw error;
    const way = over === "channel" ? "root channel" : "serial console";
    onNote?.(`SSH cannot be had, so the ${way} is used: ${error.headline}`);
    const reached = await reach({ ...waiting, over });
    if (over === "serial" && transport === "auto") await refuseProvedFault(reached, waiting);
    return reached;
  }
}

/** What the root channel would have told while SSH was waited for. */
async function refuseProvedFault(
  { transport }: Reached,
  { machine, name, timeScale, trouble, signal }: Omit<ReachOptions, "over">,
): Promise<void> {
  const { console, accelerator } = machine;
  try {
    const fault = await provedSshFault({
      channel: transport,
      name,
      stage: console.stage,
      lookAt: console.path,
      timeScale,
      signal: AbortSignal.any([signal, trouble.signal]),
      hasOwnNetwork: runsHere(accelerator),
    });
    if (fault !== null) throw fault;
  } catch (error) {
    transport.end();
    throw error;
  }
}

/** What the way in differs in from a user's, as far as only the guest can tell. */
async function tellDeviations(
  { transport }: Reached,
  channel: RootChannel | null,
  { name, timeScale, signal, onDeviation, onNote }: ConnectOptions,
): Promise<void> {
  if (transport.kind !== "ssh") {
    const isSerial = transport.kind === "serial";
    onDeviation?.(isSerial ? deviation("serial-stories") : deviation("channel-stories"));
    return;
  }
  if (transport instanceof DelimitedShell)
    onNote?.(
      `The login shell of root in guest '${name}' prints by itself or is not a POSIX shell, so commands go through /bin/sh and what comes before their own output is left out.`,
    );
  if (onDeviation === undefined) return;
  // The wish for sshd is given whether or not there is a channel.
  const line = channel?.isOpen === true ? channel : transport;
  const timeoutMs = 20_000 * Math.max(1, timeScale);
  const ask = async (command: string): Promise<string> =>
    (await line.exec(command, { timeoutMs, maxBytes: 4096, signal })).stdout;
  if (await askSshdWished(ask)) onDeviation(deviation("sshd-wanted"));
}
