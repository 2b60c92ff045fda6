/** What every healthy system shows once it is up: the steps that stories of a boot share, whatever they booted. */
import { CannotTell, quoting } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { networkAdvice } from "../guest/network-advice.ts";
import type { JournalFault, JournalReading } from "../guest/tools/journal.ts";
import { emulatedOops, outOfMemory } from "../machine/console/journal-fault.ts";
import { apartByNetwork } from "./closed-network.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { memoryAdvice } from "./out-of-memory.ts";
import type { Stage } from "./scenario.ts";

/** The first names: a broken image may have thousands of failed units, and may choose what they are called. */
const someOf = (units: readonly string[]): string =>
  [
    ...units.slice(0, 20).map((unit) => (unit.length > 100 ? `${unit.slice(0, 99)}…` : unit)),
    ...(units.length > 20 ? [`and ${units.length - 20} more`] : []),
  ].join(", ");

/**
 * 1. start-up settles; 2. no unit failed; 3. none is stuck; 4. systemd says `running`; 5. no fatal line in the journal. What needs a
 * network that the harness has closed fails nothing: it ends the story at last, by CannotTell.
 */
export async function expectHealthy(guest: Guest, step: Stage["step"]): Promise<void> {
  const outside: string[] = [];
  const ownOf = async (units: readonly string[]): Promise<readonly string[]> => {
    const apart = await apartByNetwork(guest, units);
    outside.push(...apart.outside);
    return apart.own;
  };
  const word = await step("start-up settles", () => guest.systemd.settled());
  await step("no unit has failed", async () => {
    const units = await ownOf(await guest.systemd.failedUnits());
    expectThat(
      units.length === 0,
      quoting`${units.length} unit(s) failed at boot: ${someOf(units)}.`,
    );
  });
  await step("no unit is stuck restarting", async () => {
    const units = await ownOf(await guest.systemd.stuckUnits());
    expectEqual("The list of units that keep restarting", units, []);
  });
  await step("systemd says the system is running", async () => {
    const isOthers = async (): Promise<boolean> =>
      outside.length > 0 || (await guest.systemd.failedByWish()).length > 0;
    if (word !== "degraded" || !(await isOthers()))
      expectEqual("The state of the system", word, "running");
  });
  await step("the journal has no fatal line", async () => {
    const { faults, unread } = await guest.systemd.journalFaults();
    const isOutside = ({ name }: JournalFault): boolean =>
      name === "greenboot-red" && outside.some((unit) => unit.startsWith("greenboot"));
    const own = faults.filter((fault) => !isOutside(fault));
    judgeFaults({ faults: own, unread }, guest.timeScale);
  });
  if (outside.length > 0)
    await step("all that needs a network has one", async () => {
      throw closedTo(outside);
    });
}

/** No unit has failed in a guest that a story brought somewhere: CannotTell where all that did need a network that is closed. */
export async function expectNoFailedUnit(guest: Guest): Promise<void> {
  const { own, outside } = await apartByNetwork(guest, await guest.systemd.failedUnits());
  expectThat(own.length === 0, quoting`${own.length} unit(s) failed: ${someOf(own)}.`);
  if (outside.length > 0) throw closedTo(outside);
}

/** The error for units that failed, and which need what the harness keeps from them. */
const closedTo = (units: readonly string[]): CannotTell =>
  new CannotTell(
    quoting`${units.length} unit(s) that need a network failed or are stuck, and the harness has closed it: ${someOf(units)}.`,
    { details: { "to do": networkAdvice } },
  );

/**
 * Throws ExpectationFailed for faults of the image, whatever else was not read; else what kept the journal from being read,
 * and CannotTell where a lack of memory is all there is.
 */
export function judgeFaults({ faults, unread }: JournalReading, timeScale = 1): void {
  const isEmulators = ({ name }: JournalFault): boolean => timeScale > 1 && name === emulatedOops;
  const own = faults.filter((fault) => fault.name !== outOfMemory && !isEmulators(fault));
  const words = (some: readonly JournalFault[]): string =>
    some
      .slice(0, 10)
      .map(({ line }) => line)
      .join("\n");
  const rest = unread === null ? {} : { "not read": unread.headline };
  const lines = words(own);
  expectThat(own.length === 0, "The journal of this boot has fatal lines.", { lines, ...rest });
  if (unread !== null) throw unread;
  if (faults.some(isEmulators))
    throw new CannotTell(
      "The emulated kernel met a breakpoint that nobody set, so that nobody can tell whether all is well in it.",
      { details: { lines: words(faults), "to do": "run it again" } },
    );
  if (faults.length > 0)
    throw new CannotTell(
      "The guest ran out of memory, so that nobody can tell whether all is well in it.",
      { details: { lines: words(faults), "to do": memoryAdvice } },
    );
}
