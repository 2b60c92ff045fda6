/**
 * Whether a machine that stays what it is, a board, boots an image that is known to be good. It is asked before an image is blamed
 * that did not boot there once: once in a run for each machine, in a time of its own, while the job still holds the machine.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Architecture, Image } from "../../images/image.ts";
import { BootgateError, CannotTell, MachineFault, messageOf, outcomeOf } from "../base/errors.ts";
import type { Outcome } from "../base/outcome.ts";
import { connectGuest } from "../guest/connect.ts";
import type { JobEvent } from "../log/events.ts";
import type { MachineDriver } from "../machine/machine.ts";
import { statesAlone } from "../states/states.ts";
import { type BootPlan, startMachine } from "./boot.ts";
import { expectMark } from "./written-mark.ts";

/** Finds an image by a name as `--candidate` takes it. */
export type ImageFinder = (name: string, architecture: Architecture) => Promise<Image>;

export interface GoodBoot {
  /** Of the guests of the machine. */
  readonly plan: BootPlan;
  readonly image: Image;
  /** For the console's log. Is made. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly log: (event: JobEvent) => void;
}

/** Boots the image, logs in and has it show what was laid on its disk. Throws what went wrong, whose fault it may be. */
export async function bootKnownGood({ plan, image, directory, signal, log }: GoodBoot) {
  await mkdir(directory, { recursive: true });
  const request = { name: "known-good", image, directory, signal, log };
  const { behind: _, medium: __, blankDisksMiB: ___, ...own } = plan;
  const states = statesAlone({
    directory: join(directory, "states"),
    signal,
    onReport: (report) => {
      if (report.type === "state-started") log({ type: "note", text: `Making ${report.title}.` });
    },
  });
  const machine = await startMachine(
    { ...own, states, start: "cold" },
    { ...request, forwards: [], runDirectory: directory },
  );
  await using _machine = machine;
  const { key, timeScale, transport } = plan;
  await using guest = await connectGuest({ ...request, machine, key, timeScale, transport });
  await expectMark(guest.aside, machine.mark ?? null);
}

/**
 * Boots the machine's known-good image and has the result kept. Returns what is wrong with the machine, or null. Throws what
 * says nothing of it: a host that cannot, a person who does not come, a run that was stopped, bugs of ours.
 */
export async function checkMachine(
  { plan, ...boot }: Omit<GoodBoot, "image">,
  find: ImageFinder,
): Promise<BootgateError | null> {
  const { knownGood, word, kind } = plan.driver;
  if (knownGood === undefined)
    throw new TypeError(`Nothing is known to be good on '${word ?? kind}'.`);
  const image = await find(knownGood.image, knownGood.architecture);
  try {
    await bootKnownGood({ plan, image, ...boot });
  } catch (error) {
    boot.signal.throwIfAborted();
    if (!(error instanceof BootgateError) || !(await knownGood.note(error))) throw error;
    return error;
  }
  await knownGood.note(null);
  return null;
}

/** An attempt that may have to be doubted. */
export interface Doubted {
  readonly outcome: Outcome;
  readonly plan: BootPlan;
  /** True once a guest has answered: the machine boots. */
  readonly hasAnswered: boolean;
  /** False while a machine of the attempt has not ended. */
  readonly isOff: boolean;
  /** Folder of the attempt. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly log: (event: JobEvent) => void;
}

/** Says what became of an attempt once its machine was looked at. Never throws. */
export type MachineCheck = (attempt: Doubted) => Promise<Outcome>;

/** Checks machines of one run. */
export function machineChecks(find: ImageFinder): MachineCheck {
  const done = new Map<MachineDriver, Promise<BootgateError | null>>();
  return async ({ outcome, plan, hasAnswered, isOff, ...boot }) => {
    const { knownGood, word = plan.driver.kind } = plan.driver;
    if (outcome.kind !== "failed" || hasAnswered) return outcome;
    const note = (text: string): void => boot.log({ type: "note", text });
    if (knownGood === undefined) {
      if (plan.driver.kind === "board")
        note(`Nothing shows that '${word}' is well: it does not have a known-good image.`);
      return outcome;
    }
    const directory = join(boot.directory, "known-good");
    const good = `The known-good image '${knownGood.image}'`;
    const candidate = outcome.error.headline;
    let fault: BootgateError | null;
    try {
      if (!isOff) throw new CannotTell("The machine of the candidate has not ended yet.");
      const check = done.get(plan.driver) ?? checkMachine({ ...boot, plan, directory }, find);
      done.set(plan.driver, check);
      fault = await check;
    } catch (cause) {
      const unknown = `The candidate did not boot on '${word}', and nobody can tell whether a known-good image does.`;
      return outcomeOf(
        new CannotTell(unknown, { cause, details: { candidate, why: messageOf(cause) } }),
      );
    }
    if (fault === null) {
      note(`${good} boots on '${word}', so what the candidate does there is its own.`);
      return outcome;
    }
    const either = `${good} did not boot on '${word}' either: ${fault.headline}`;
    const { lookAt } = fault;
    return outcomeOf(new MachineFault(either, { cause: fault, details: { candidate }, lookAt }));
  };
}
