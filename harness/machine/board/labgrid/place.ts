/** What is done with a place: had, looked at, written, given back. */
import { parse } from "yaml";
import { z } from "zod";
import { MachineFault, quoting } from "../../../base/errors.ts";
import { type LabgridPlace, labgrid, labgridHolder, PlaceBusy } from "./client.ts";

/** How often the coordinator may be asked to write an image. Milliseconds: the largest limit that a board can have. */
const dayMs = 24 * 60 * 60_000;

export interface AcquireOptions {
  readonly signal: AbortSignal;
  /** Called once where somebody else has the place, with who that is; it is then waited for. Absent: it is refused. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** A place that is ours. `holder`: who we are there, as `HOST/USER`. */
export interface HeldPlace {
  readonly place: LabgridPlace;
  readonly holder: string;
  /** Of the reservation by which it was waited for: it outlives the holding by a minute, and keeps others out meanwhile. */
  readonly token?: string;
}

/**
 * Takes the place. Who waits has a reservation, so the coordinator's own order counts; a reservation that nobody renews ends by itself.
 * Throws PlaceBusy, and as `labgrid` does.
 */
export async function acquirePlace(
  place: LabgridPlace,
  { signal, onWait }: AcquireOptions,
): Promise<HeldPlace> {
  try {
    return await acquire(place, signal);
  } catch (error) {
    if (!(error instanceof PlaceBusy) || onWait === undefined) throw error;
    onWait(error.holder);
  }
  const reserve = ["reserve", "--wait", "--shell", `name=${place.place}`];
  const said = await labgrid(place, reserve, { signal, timeoutMs: dayMs });
  const token = /^export LG_TOKEN=(\w+)$/m.exec(said)?.[1];
  if (token === undefined)
    throw new MachineFault("labgrid reserves a place and does not name the reservation.", {
      details: { said: said.slice(-300) },
    });
  return await acquire(place, signal, token);
}

/** Runs to its end although it is aborted: a client that is killed in the middle may have the place. */
async function acquire(
  place: LabgridPlace,
  signal: AbortSignal,
  token?: string,
): Promise<HeldPlace> {
  const unstopped = new AbortController().signal;
  await labgrid(place, ["acquire"], {
    signal: unstopped,
    ...(token === undefined ? {} : { token }),
  });
  const held = {
    place,
    holder: labgridHolder(),
    ...(token === undefined ? {} : { token }),
  };
  if (signal.aborted) await releasePlace(held, unstopped);
  signal.throwIfAborted();
  return held;
}

/** Gives it back, and takes it from nobody who has it by now. Throws as `labgrid` does. */
export async function releasePlace(
  { place, holder, token }: HeldPlace,
  signal: AbortSignal,
): Promise<void> {
  await labgrid(place, ["release-from", holder], { signal });
  if (token !== undefined) await labgrid(place, ["cancel-reservation", token], { signal });
}

/** One thing of a place, as its exporter offers it. */
export interface PlaceResource {
  readonly name: string;
  readonly kind: string;
  readonly isThere: boolean;
  readonly params: Readonly<Record<string, unknown>>;
}

const shown = z.object({
  cls: z.string().max(200),
  avail: z.preprocess((value) => value === true || value === "True", z.boolean()),
  params: z.record(z.string(), z.unknown()),
});

/**
 * What belongs to the place. The client prints dictionaries of Python (`pprint`), which YAML reads but for `None`. Throws MachineFault
 * for what cannot be read, and as `labgrid` does.
 */
export async function resourcesOf(
  place: LabgridPlace,
  signal: AbortSignal,
): Promise<readonly PlaceResource[]> {
  return parseResources(await labgrid(place, ["show"], { signal }));
}

/** `labgrid-client show`. Throws MachineFault for what cannot be read. */
export function parseResources(text: string): readonly PlaceResource[] {
  const heads = /^(?:Acquired|Matching) resource '(.*)' \(\S+\):\n((?: {2}.*(?:\n|$))+)/gm;
  return [...text.matchAll(heads)].map(([, name = "", body = ""]) => {
    try {
      const { cls, avail, params } = shown.parse(parse(body, { maxAliasCount: 0 }));
      return { name, kind: cls, isThere: avail, params };
    } catch (cause) {
      throw new MachineFault(quoting`What labgrid tells of '${name}' cannot be read.`, {
        cause,
        details: { said: body.slice(0, 500) },
      });
    }
  });
}

/** Switches of cards that labgrid knows (`labgrid/remote/client.py`, sd_mux). */
const cardSwitches = /^NetworkUSB(?:SDMuxDevice|SDWireDevice|SDWire3Device)$/;

/** Brings an image to the place's card or stick, and the card to the board. `timeoutMs`: for the writing. Throws as `labgrid` does. */
export async function writePlace(
  place: LabgridPlace,
  image: string,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  const hasSwitch = (await resourcesOf(place, signal)).some(({ kind }) => cardSwitches.test(kind));
  if (hasSwitch) await labgrid(place, ["sd-mux", "host"], { signal });
  await labgrid(place, ["write-image", image], { signal, timeoutMs });
  if (hasSwitch) await labgrid(place, ["sd-mux", "dut"], { signal });
}
