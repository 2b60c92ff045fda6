/**
 * The clock of a fork stands where its template was frozen, and is set before a story's first command. Over the root channel
 * that begins with the guest's first sign of life, so that a login over SSH does not wait for it.
 */
import { CannotTell } from "../base/errors.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import { commands } from "./commands.ts";
import { excerptEnd } from "./excerpt.ts";
import type { ExecLimits, ExecOutcome, Transport } from "./transport.ts";

/** For the guest's `date`; with hardware acceleration. Milliseconds. */
export const clockMs = 30_000;

const setClock = (
  transport: Pick<Transport, "exec">,
  limits: Pick<ExecLimits, "timeoutMs" | "signal">,
): Promise<ExecOutcome> => {
  const command = commands.setClock(Math.round(Date.now() / 1000));
  return transport.exec(command, { ...limits, maxBytes: 4096, silent: true });
};

/** Begins to set the clock and returns at once. It ends with its time limit, or with the machine that the channel belongs to. */
export function beginClock(channel: RootChannel, bootId: string, timeScale: number): void {
  const timeoutMs = clockMs * Math.max(1, timeScale);
  const outcome = setClock(channel, { timeoutMs, signal: new AbortController().signal });
  outcome.catch(() => undefined);
  channel.clock = { bootId, outcome };
}

export interface ClockOptions {
  readonly transport: Transport;
  readonly channel: RootChannel | null;
  readonly bootId: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Returns how the setting of this boot's clock ended that was begun. Sets it now where none was begun, or where that one told
 * nothing because its channel went away or was late. Rejects with the abort reason only.
 */
export async function clockOutcome(options: ClockOptions): Promise<ExecOutcome> {
  const { transport, channel, bootId, timeoutMs, signal } = options;
  const begun = channel?.clock;
  if (begun?.bootId === bootId) {
    const outcome = await untilAborted(begun.outcome, signal);
    if (outcome.exitCode !== null) return outcome;
    return setClock(transport, { timeoutMs, signal });
  }
  // The harness's own questions go over the channel where it answers: that costs a story nothing.
  const way = channel?.isOpen === true ? channel : transport;
  const outcome = await setClock(way, { timeoutMs, signal });
  if (outcome.exitCode !== null || way === transport) return outcome;
  return setClock(transport, { timeoutMs, signal });
}

function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** A fork's clock is set by the harness for its own sake, so a guest that does not let it is not to blame. */
export const clockRefused = (
  { stderr }: Pick<ExecOutcome, "stderr">,
  { name, lookAt }: { readonly name: string; readonly lookAt: string },
): CannotTell =>
  new CannotTell(`The clock of guest '${name}' could not be set after it was forked.`, {
    details: {
      stderr: excerptEnd(stderr, 500) || undefined,
      instead: "--cold boots every guest, so that no clock has to be set",
    },
    lookAt,
  });
