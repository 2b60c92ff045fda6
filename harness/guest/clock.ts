/**
 * The clock of a fork stands where its template was frozen, and is set before a story's first command, with some randomness that no
 * other fork has: the kernel itself stirs its own where it knows the machine's generation ID. Over the root channel that begins with the guest's first sign of life, so that a login over SSH does not wait for it.
 */
import { randomBytes } from "node:crypto";
import { CannotTell } from "../base/errors.ts";
import { untilAborted } from "../base/until-aborted.ts";
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
  const seed = randomBytes(32).toString("hex");
  const command = commands.setClock(Math.round(Date.now() / 1000), seed);
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
 * Returns how the setting of this boot's clock ended that was begun. Where none was begun it is set now, over the channel
 * where that answers, since that costs a story nothing. A channel that goes away or is late tells nothing of the clock, so
 * it is set over `transport` then. Rejects with `stopReason` only.
 */
export async function clockOutcome(options: ClockOptions): Promise<ExecOutcome> {
  const { transport, channel, bootId, timeoutMs, signal } = options;
  const limits = { timeoutMs, signal };
  const begun = channel?.clock?.bootId === bootId ? channel.clock.outcome : null;
  const asked = begun ?? (channel?.isOpen === true ? setClock(channel, limits) : null);
  if (asked !== null) {
    const outcome = await untilAborted(asked, signal);
    if (outcome.exitCode !== null) return outcome;
  }
  return setClock(transport, limits);
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
