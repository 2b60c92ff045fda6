/** Power and keys of a guest's machine, as a story has them: what is lost with the power, and whose fault a guest that stays on is. */
import { expect, test } from "vitest";
import { expectEqual, expectThat, type Guest, scenario } from "../../harness/index.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { changed, withMachines } from "./machines.ts";
import { type RehearsalOptions, rehearseStory } from "./rehearse.ts";

const story = (tell: (guest: Guest) => Promise<void>) => ({
  id: "test/machine",
  definition: scenario({
    summary: "s",
    needs: { images: ["candidate"], capabilities: ["power", "keys"] },
    timeoutMinutes: 5,
    async run({ images: { candidate }, boot, step }) {
      await using guest = await boot(candidate);
      await step("it holds", () => tell(guest));
    },
  }),
});

const play = (
  tell: (guest: Guest) => Promise<void>,
  sabotage: "same-boot" | null = null,
  options: RehearsalOptions = {},
) => rehearseStory(story(tell), sabotage, options);

test("power that is cut and comes back is another boot, from the disk that was there", async () => {
  const { outcome } = await play(async (guest) => {
    const before = await guest.bootId();
    await guest.files.write("/var/lib/kept", "kept");
    expectEqual("It is on", guest.machine.isOn, true);
    await guest.machine.cutPower();
    expectEqual("It is on", guest.machine.isOn, false);
    await guest.machine.switchOn();
    expectThat((await guest.bootId()) !== before, "It is the same boot.");
    expectEqual("The file", await guest.files.read("/var/lib/kept"), "kept");
  });
  expect(outcome).toEqual({ kind: "passed" });
});

test("a guest that is told to switch off does, and comes back when it is switched on", async () => {
  const { outcome } = await play(async (guest) => {
    await guest.machine.shutDown();
    await guest.machine.switchOn();
    await guest.reboot();
  });
  expect(outcome).toEqual({ kind: "passed" });
});

test("a guest that switches itself off while that is waited for has done what it should; unasked it has failed", async () => {
  const off = "systemctl poweroff";
  const awaited = await play(async (guest) => {
    await guest.machine.waitForOff(() => guest.exec(off));
    expectEqual("It is on", guest.machine.isOn, false);
    await guest.machine.switchOn();
    await guest.bootId();
  });
  expect(awaited.outcome).toEqual({ kind: "passed" });
  const unasked = await play(async (guest) => {
    await guest.exec(off);
    await guest.bootId();
  });
  expect(unasked.outcome).toMatchObject({ kind: "failed" });
  expect("error" in unasked.outcome && unasked.outcome.error.headline).toMatch(
    /the guest switched itself off/,
  );
});

test("a command to a guest that is off, and a power switch that is there already, are the story's own fault", async () => {
  for (const tell of [
    async (guest: Guest) => {
      await guest.machine.cutPower();
      await guest.bootId();
    },
    (guest: Guest) => guest.machine.switchOn(),
  ]) {
    const { outcome } = await play(tell);
    expect(outcome).toMatchObject({ kind: "broken", error: { type: "TypeError" } });
  }
});

test("one that stays on is held against the image where its processor is real", async () => {
  const { outcome } = await play((guest) => guest.machine.shutDown(), "same-boot");
  expect(outcome).toMatchObject({ kind: "failed", error: { type: "BootFailed" } });
  expect("error" in outcome && outcome.error.headline).toMatch(
    /was told to switch off and is still on after/,
  );
});

test("what is typed arrives at the serial console", async () => {
  const typed: string[] = [];
  const { outcome } = await play(
    async (guest) => {
      await guest.machine.type("root\r");
    },
    null,
    {
      driver: (driver: MachineDriver) =>
        withMachines(driver, (machine) => {
          const console = machine.console;
          return changed(machine, {
            console: new Proxy(console, {
              get(target, name) {
                if (name === "type") return async (text: string) => void typed.push(text);
                const value: unknown = Reflect.get(target, name, target);
                return typeof value === "function" ? value.bind(target) : value;
              },
            }),
          });
        }),
    },
  );
  expect([outcome, typed]).toEqual([{ kind: "passed" }, ["root\r"]]);
});

test("where no machine has power and keys the story is skipped, and says what is lacking", async () => {
  const { outcome } = await play(async () => undefined, null, {
    driver: (driver) => ({ ...driver, capabilities: new Set(["power"]) }),
  });
  expect(outcome).toEqual({
    kind: "skipped",
    reason: "It needs a machine with keys, and 'simulated' machines lack it.",
  });
});
