/** What every power switch can do, and the `Power` of a board that is made of one: switched, read back, within its time. */
import { setTimeout as pause } from "node:timers/promises";
import { BootgateError, MachineFault, messageOf } from "../../../base/errors.ts";
import { formatDuration } from "../../../base/units.ts";
import { untilAborted } from "../../../base/until-aborted.ts";
import { waitFor } from "../../../base/wait.ts";
import type { Power } from "../../machine.ts";

/** A plug, a relay, a port of a hub, or a person. What each throws is the host's or the machine's fault, never the image's. */
export interface PowerSwitch {
  /** For messages, after "the": `plug at 192.0.2.31`. Holds no secret. */
  readonly what: string;
  /** Switches. Returns when the switch has taken the command. */
  set(isOn: boolean, signal: AbortSignal): Promise<void>;
  /** Whether power is on, as the switch itself says it; null where nothing tells. */
  readonly state: ((signal: AbortSignal) => Promise<boolean>) | null;
  /** Off and on again, for a switch that does it by itself; used where nothing tells whether power was off. */
  readonly cycle?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** A person takes the time that people take: their own limit counts. */
  readonly isPerson?: boolean;
}

export interface BoardPowerOptions {
  /** Name of the board. */
  readonly name: string;
  readonly switch: PowerSwitch;
  readonly limits: { readonly switchSeconds: number; readonly offSeconds: number };
  /**
   * Bytes that its console has said so far. A board that goes on speaking when its power was switched off was not: the plug is
   * another board's, its relay is welded, or the board lives by another cable. Absent where nobody listens.
   */
  readonly saidBytes?: () => number;
  /** Told before anything is switched: a console that begins again. */
  readonly onChange?: (change: "on" | "off" | "reset") => void;
}

/** What a serial line says when the other side loses its power is not speech. Bytes. */
const noiseBytes = 64;
/** What was on its way when power went: buffers of the adapter and of the network. Milliseconds. */
const drainMs = 500;
/** How long a console is listened to at the least: a shorter silence is one of any board. Milliseconds. */
const leastSilenceMs = 1000;

/** Power of a board. Each act throws MachineFault where the switch does not answer in its time, or says another state than it was told. */
export function boardPower(options: BoardPowerOptions): Power {
  const { name, limits, onChange } = options;
  const leastOff = options.saidBytes === undefined ? 0 : leastSilenceMs;
  const offMs = Math.max(leastOff, limits.offSeconds * 1000);
  const off = async (signal: AbortSignal): Promise<void> => {
    await switchTo(options, false, signal);
    await refuseSpeech(options, offMs, signal);
  };
  return {
    async on(signal) {
      onChange?.("on");
      await switchTo(options, true, signal);
    },
    async off(signal) {
      await off(signal);
      onChange?.("off");
    },
    async reset(signal) {
      onChange?.("reset");
      const { cycle, what, state } = options.switch;
      // Power that comes back by itself proves nothing: where anything can tell that it was off, it is asked.
      if (cycle === undefined || state !== null || options.saidBytes !== undefined) {
        await off(signal);
        await switchTo(options, true, signal);
        return;
      }
      await inTime(options, signal, cycle, `The ${what} did not switch board '${name}' off and on`);
    },
  };
}

async function switchTo(
  options: BoardPowerOptions,
  isOn: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { name, switch: plug } = options;
  const act = `The ${plug.what} did not switch board '${name}' ${word(isOn)}`;
  await inTime(options, signal, (limited) => plug.set(isOn, limited), act);
  await readBack(options, isOn, signal);
}

const word = (isOn: boolean): string => (isOn ? "on" : "off");

/** Runs one act of the switch within its time. `sentence` begins the message when it does not end. */
async function inTime(
  { switch: plug, limits }: BoardPowerOptions,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<void>,
  sentence: string,
): Promise<void> {
  if (plug.isPerson === true) return act(signal);
  const limitMs = limits.switchSeconds * 1000;
  const limit = AbortSignal.timeout(limitMs);
  const both = AbortSignal.any([signal, limit]);
  try {
    // A program that left a child behind, or that this user may not kill, is not waited for.
    await untilAborted(act(both), both);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof BootgateError && !limit.aborted) throw cause;
    throw new MachineFault(`${sentence} within ${formatDuration(limitMs)}.`, {
      cause,
      details: { "to do": "see whether it has power and a network, and what 'power' says of it" },
    });
  }
}

/** Waits until the switch itself says what it was told. */
async function readBack(
  options: BoardPowerOptions,
  isOn: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { name, switch: plug, limits } = options;
  const { state } = plug;
  if (state === null) return;
  let last: boolean | null = null;
  const sticks = ({ lastError }: { lastError: unknown }): MachineFault =>
    last === null
      ? new MachineFault(`The ${plug.what} of board '${name}' does not say whether power is on.`, {
          cause: lastError,
          details: { "it said": lastError === undefined ? undefined : messageOf(lastError) },
        })
      : new MachineFault(
          `The power of board '${name}' sticks: the ${plug.what} was told ${word(isOn)} and still says ${word(last)}.`,
          { details: { "to do": "switch it by hand; a relay that sticks is worn out" } },
        );
  await waitFor({
    what: `the ${plug.what} to say ${word(isOn)}`,
    timeoutMs: limits.switchSeconds * 1000,
    intervalMs: 300,
    signal,
    onTimeout: sticks,
    probe: async (limited) => {
      try {
        last = await state(limited);
      } catch (cause) {
        last = null;
        // One connection that drops is not the end: plugs stand in the far corner of a wireless network.
        if (cause instanceof MachineFault) throw new Error(messageOf(cause), { cause });
        throw cause;
      }
      return last === isOn ? true : undefined;
    },
  });
}

/** Power stays off for a while, and a board without power says nothing meanwhile. */
async function refuseSpeech(
  { name, switch: plug, saidBytes }: BoardPowerOptions,
  offMs: number,
  signal: AbortSignal,
): Promise<void> {
  const drain = Math.min(drainMs, offMs);
  await pause(drain, undefined, { signal });
  const before = saidBytes?.() ?? 0;
  await pause(offMs - drain, undefined, { signal });
  const said = (saidBytes?.() ?? 0) - before;
  if (said <= noiseBytes) return;
  const which = plug.isPerson === true ? "its plug was pulled" : `the ${plug.what} is off`;
  throw new MachineFault(
    `Board '${name}' went on speaking although ${which}: ${said} bytes came on its console.`,
    {
      details: {
        "to do":
          "see whether that plug is this board's, and whether the board lives by another cable (HDMI, USB, the serial adapter)",
      },
    },
  );
}
