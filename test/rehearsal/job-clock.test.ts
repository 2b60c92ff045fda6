/** A job's time limit stands still while a person acts for its machine, and for no longer. */
import { afterEach, expect, test, vi } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { CreateOptions, MachineDriver } from "../../harness/machine/machine.ts";
import { rehearse } from "./rehearse.ts";

afterEach(() => void vi.useRealTimers());

/** A driver whose machine needs an hour, of a person or of its own, and is not made after all. */
const takesAnHour =
  (isPerson: boolean) =>
  (driver: MachineDriver): MachineDriver => ({
    ...driver,
    async create(_, { pauseClock }: CreateOptions) {
      const goOn = isPerson ? pauseClock?.() : undefined;
      vi.advanceTimersByTime(3_600_000);
      goOn?.();
      throw new HostUnfit("The hour is over.");
    },
  });

/** With a limit of two minutes, as the story sees it. */
async function howItEnds(isPerson: boolean): Promise<string> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const { outcome } = await rehearse("boot/health", null, {
    ...{ timeoutMinutes: 10, timeScale: 0.2 },
    driver: takesAnHour(isPerson),
  });
  return outcome?.kind === "broken" ? outcome.error.headline : `${outcome?.kind}`;
}

test("what a person needs for an act is not a job's time", async () => {
  expect(await howItEnds(true)).toBe("The hour is over.");
});

test("what a machine needs is", async () => {
  expect(await howItEnds(false)).toMatch(/^'boot\/health' did not end within its /);
});
