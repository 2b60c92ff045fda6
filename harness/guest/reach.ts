/**
 * From power-on, or from a reboot, to a guest that answers over the transport asked for. The console has the first word
 * and the root channel the second; a fatal line on the console ends the wait at once.
 */
import { CannotTell } from "../base/errors.ts";
import { hostSince, sampleHost } from "../base/host-health.ts";
import { formatDuration } from "../base/units.ts";
import { waitFor } from "../base/wait.ts";
import { BootTime } from "./boot-time.ts";
import { awaitChannel } from "./channel/await-channel.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import type { ReachOptions, TimedReach } from "./reach-options.ts";
import { consoleTail, runsHere, stillAwaited } from "./reach-words.ts";
import type { Reached } from "./reached.ts";
import { waitForSsh } from "./ready.ts";
import { waitForSerial } from "./serial/await-serial.ts";

/** Waits for the guest. Throws what `trouble` rejects with, BootFailed, CannotTell, or the abort reason. */
export async function reach(options: ReachOptions): Promise<Reached> {
  const { channel, over } = options;
  using time = new BootTime(options);
  const timed = { ...options, time };
  if (over === "ssh") return await waitForSsh(timed);
  if (over === "serial") return await waitForSerial(timed);
  if (channel === null)
    throw new CannotTell(`The machine of guest '${options.name}' does not have a root channel.`);
  return await waitForChannel(channel, timed);
}

async function waitForChannel(channel: RootChannel, options: TimedReach): Promise<Reached> {
  const { machine, name, timeoutMs, time, timeScale, signal, trouble, accept } = options;
  const lookAt = machine.console.path;
  const { start } = machine;
  const hostBefore = sampleHost();
  const guestIsHere = runsHere(machine.accelerator);
  const reached = await waitFor({
    what: `guest '${name}' to answer on its root channel`,
    probe: (stop) =>
      awaitChannel({ channel, name, lookAt, timeScale, start, signal: stop, accept }),
    timeoutMs,
    moreMs: time.more,
    signal,
    giveUpWhen: trouble.promise,
    onTimeout: () => {
      const { plannedMs } = time;
      const { console } = machine;
      const awaited = stillAwaited(console);
      const waits = awaited === undefined ? {} : { "waits for": awaited };
      const details = { stage: console.stage, ...waits, console: consoleTail(console) };
      const host = hostSince(hostBefore, { plannedMs, guestIsHere, log: lookAt });
      return (
        host.full ??
        options.onTimeout?.(details, { host, waitedMs: plannedMs }) ??
        new CannotTell(
          `Guest '${name}' did not answer on its root channel within ${formatDuration(plannedMs)}.`,
          { details: { ...details, "how to": channelHint }, lookAt },
        )
      );
    },
  });
  machine.console.guestAnswered();
  return reached;
}

const channelHint = "the root channel needs systemd 256 or later in the image";
