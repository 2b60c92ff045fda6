/** Power cuts for stories: opened on the stage, told in the report, kept where the story failed. */
import { relative } from "node:path";
import type { Image } from "../../images/image.ts";
import { CannotTell, ExpectationFailed } from "../base/errors.ts";
import type { CutState, PowerCuts } from "../cuts/cuts.ts";
import { describePoint } from "../cuts/points.ts";
import type { Guest } from "../guest/guest.ts";
import { objectsOf } from "../guest/tools/objects.ts";
import { expectEqual, expectThat } from "./expect.ts";
import type { LiveGuest } from "./live-guests.ts";
import type { StageOptions } from "./stage-options.ts";

type CutsOptions = Pick<StageOptions, "openCuts" | "signal" | "log">;

/** Those of one attempt. */
export class StagePowerCuts {
  readonly #options: CutsOptions;
  #open: PowerCuts[] = [];

  constructor(options: CutsOptions) {
    this.#options = options;
  }

  /** Opens those of a guest whose machine is off. */
  async open(live: LiveGuest | undefined, guest: Guest, since: number): Promise<PowerCuts> {
    const { openCuts, signal, log } = this.#options;
    const record = live?.machine.record;
    if (openCuts === undefined || record === undefined || record === null)
      throw new CannotTell(`What guest '${guest.name}' wrote was not recorded.`);
    if (guest.machine.isOn)
      throw new TypeError(`Guest '${guest.name}' has to be off before its power cuts are made.`);
    const cuts = await openCuts(record, { image: guest.image, since, signal });
    this.#open.push(cuts);
    const { count, seed, range } = cuts;
    const told = `${count} power cuts of seed '${seed}', after any of the writes ${range.first} to ${range.last - 1} of the record.`;
    for (const text of [told, ...cuts.unread]) log({ type: "note", text });
    // The stage's own, as guests are: a story that lets go of it need not have ended with it.
    return { ...cuts, [Symbol.asyncDispose]: async () => undefined };
  }

  /** Ends them. Where the story failed, their records go to `keepIn`. Never throws. */
  async close(keepIn: { directory: string; runDirectory: string } | null): Promise<void> {
    const { log } = this.#options;
    for (const cuts of this.#open) {
      if (keepIn !== null) {
        const path = await cuts.keep(keepIn.directory).catch(() => null);
        const told = path === null ? null : relative(keepIn.runDirectory, path);
        if (told !== null) log({ type: "evidence", kind: "writes", path: told });
      }
      await cuts[Symbol.asyncDispose]();
    }
    this.#open = [];
  }
}

/** Most states that a story boots: each takes minutes under emulation. */
const mostBoots = 8;

/**
 * Reads what all cuts leave and says so. Returns the states to boot, those that lack something first where there are too many.
 */
export async function statesToBoot(
  cuts: PowerCuts,
  note: (text: string) => void,
): Promise<readonly CutState[]> {
  const states = await cuts.states();
  const all = states.length;
  note(`${cuts.count} power cuts leave ${all} ${all === 1 ? "state" : "different states"}.`);
  const chosen = [...states].sort((a, b) => Number(b.isOdd) - Number(a.isOdd)).slice(0, mostBoots);
  for (const state of states) {
    const { points, text } = state;
    const how = chosen.includes(state) ? `boots ${describePoint(points[0])}` : "is not booted";
    note(`${points.length} of them leave: ${text}. Of these ${how}.`);
  }
  return states.filter((state) => chosen.includes(state));
}

/** The guest runs the one image or the other, with nothing staged. Returns which. */
export async function expectOldOrNew(
  guest: Guest,
  { old, next }: { readonly old: Image; readonly next: Image },
): Promise<Image> {
  const isThere = async (
    booted: Image,
    rollback: Image | null,
  ): Promise<ExpectationFailed | null> => {
    try {
      await guest.expectDeployments({ booted, staged: null, rollback });
      return null;
    } catch (error) {
      if (error instanceof ExpectationFailed) return error;
      throw error;
    }
  };
  if ((await isThere(next, old)) === null) return next;
  const lack = await isThere(old, null);
  if (lack === null) return old;
  throw new ExpectationFailed("What a power cut left runs neither the old image nor the new one.", {
    cause: lack,
    details: { ...lack.details, said: lack.headline },
    lookAt: lack.lookAt,
  });
}

/** Every object of the repository is as it was named. Returns false where the system does not have a check of its objects. */
export async function expectWholeRepository(guest: Guest): Promise<boolean> {
  if ((await guest.backend()) === "composefs") return false;
  const { isClean, damaged, said } = await objectsOf(guest).fsck();
  expectEqual("The list of damaged objects", damaged, []);
  expectThat(isClean, "'ostree fsck' does not say that there is nothing wrong.", { said });
  return true;
}
