/** Power cuts for stories: opened on the stage, told in the report, kept where the story failed. */
import { relative } from "node:path";
import type { Image } from "../../images/image.ts";
import { CannotTell, ExpectationFailed, messageOf } from "../base/errors.ts";
import type { CutState, PowerCuts } from "../cuts/cuts.ts";
import { describePoint } from "../cuts/points.ts";
import type { Guest } from "../guest/guest.ts";
import { isOtherBooted } from "../guest/tools/deployments.ts";
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
        await cuts.keep(keepIn.directory).then(
          (path) =>
            log({ type: "evidence", kind: "writes", path: relative(keepIn.runDirectory, path) }),
          (error: unknown) =>
            log({
              type: "note",
              text: `The record of what was written could not be kept: ${messageOf(error)}`,
            }),
        );
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

/** The guest runs the one image or the other, with nothing staged and the new one with the old one for rollback. Returns which. */
export async function expectOldOrNew(
  guest: Guest,
  { old, next }: { readonly old: Image; readonly next: Image },
): Promise<Image> {
  /** What is told of a guest that runs another image; null where it runs this one. Throws where its other slots are not as expected. */
  const lackOf = async (booted: Image, rollback: Image | null): Promise<ExpectationFailed | null> =>
    guest.expectDeployments({ booted, staged: null, rollback }).then(
      () => null,
      (error: unknown) => {
        if (error instanceof ExpectationFailed && isOtherBooted(error)) return error;
        throw error;
      },
    );
  const notNew = await lackOf(next, old);
  if (notNew === null) return next;
  const notOld = await lackOf(old, null);
  if (notOld === null) return old;
  const { booted: asOld, finalising } = notOld.details;
  throw new ExpectationFailed("What a power cut left runs neither the old image nor the new one.", {
    cause: notOld,
    details: { "as new": notNew.details["booted"], "as old": asOld, finalising },
    lookAt: notOld.lookAt,
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
