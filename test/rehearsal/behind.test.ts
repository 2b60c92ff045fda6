/** Stories that start from a guest with an update behind it: made once, told to all that hang on it, and done by the story itself where nothing can be forked. */
import { describe, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import type { FixtureTable } from "../../harness/engine/open-fixtures.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { scenario } from "../../harness/index.ts";
import type { MachineDriver, Templates } from "../../harness/machine/machine.ts";
import type { Image } from "../../images/image.ts";
import { createSimulatedDriver, forkSimulated } from "../simulated/driver.ts";
import { simulatedFixtures, simulatedRegistry } from "../simulated/fixtures.ts";
import { SimulatedMachine } from "../simulated/machine.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import type { SimulatedSystem } from "../simulated/system.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { changed } from "./machines.ts";
import { expectSound, folder, play, useFolder } from "./play.ts";
import { simulatedImage, simulatedProfile } from "./rehearse.ts";

useFolder();

const reference = "10.0.2.100:5000/os:stable";

const story = (id: string, from: "staged" | "upgraded"): LoadedScenario => ({
  id,
  definition: scenario({
    summary: id,
    needs: {
      images: ["previous", "candidate"],
      boots: ["previous"],
      publishes: ["previous", "candidate"],
      from,
    },
    timeoutMinutes: 1,
    async run({ images: { previous: v1, candidate: v2 }, registry, boot, step }) {
      await using shelf = await registry();
      const stable = await shelf.publish("os:stable", v2);
      await using guest = await boot(v1, { follows: stable });
      await step("it is where it has to be", () =>
        guest.expectDeployments(
          from === "staged"
            ? { booted: v1, staged: v2, rollback: null }
            : { booted: v2, staged: null, rollback: v1 },
        ),
      );
      await step("what was there goes on", async () => {
        await guest.reboot();
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      });
    },
  }),
});

/** A driver that freezes and forks simulated guests, with what it froze by its key. */
function freezing(driver: MachineDriver) {
  const frozen = new Map<string, SimulatedSystem>();
  const templates: Templates = {
    key: async (spec) => `booted ${spec.imageDigest}`,
    find: async (key) => (frozen.has(key) ? `/templates/${key}` : null),
    lock: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
    forget: async (key) => void frozen.delete(key),
    async freeze(machine, key) {
      if (!(machine instanceof SimulatedMachine)) throw new TypeError("It is another machine.");
      frozen.set(key, machine.system);
    },
    async fork(key, spec, how) {
      const system = frozen.get(key);
      if (system === undefined) throw new MachineFault("There is no template.");
      return changed(await forkSimulated(spec, system, how), { start: "fork" });
    },
  };
  const capabilities = new Set([...driver.capabilities, "snapshot" as const]);
  return { driver: { ...driver, templates, capabilities }, frozen };
}

interface Wish {
  readonly sabotage?: SabotageName;
  readonly follows?: string | null;
  readonly cold?: boolean;
  readonly table?: (world: SimulatedWorld) => FixtureTable;
  readonly stories?: readonly LoadedScenario[];
}

async function tell({ sabotage, follows = reference, cold = false, table, stories }: Wish = {}) {
  const world = new SimulatedWorld(follows === null ? { follows: "vendor.example/os:1" } : {});
  const { driver, frozen } = freezing(
    createSimulatedDriver({ world, ...(sabotage === undefined ? {} : { sabotage }) }),
  );
  const candidate = simulatedImage("v2", "2");
  const previous: Image = { ...simulatedImage("v1", "1"), follows };
  const jobs = planJobs({
    scenarios: stories ?? [story("a/one", "upgraded"), story("a/two", "upgraded")],
    images: { previous, candidate },
    machines: [{ ...simulatedProfile(driver, 512), refusal: null }],
    repeatOptions: [],
  });
  const run = await play([], {
    jobs,
    driver,
    cold,
    recheckCold: false,
    fixtures: { table: table?.(world) ?? simulatedFixtures(world) },
  });
  const attempts = run.model.jobs.map((job) => job.attempts.at(-1));
  return { run, frozen, attempts };
}

const startsOf = (attempts: Awaited<ReturnType<typeof tell>>["attempts"]) =>
  attempts.map((attempt) => attempt?.guests[0]?.start);

describe("a guest with an update behind it", () => {
  test.each(["staged", "upgraded"] as const)(
    "is made once, and stories go on from it: %s",
    async (from) => {
      // One job: simulated forks of one template share their disk.
      const { run, frozen, attempts } = await tell({ stories: [story("a/one", from)] });
      expect(run.model.counts).toMatchObject({ passed: 1 });
      expect([frozen.size, startsOf(attempts)]).toEqual([1, ["fork"]]);
      expect(attempts[0]?.steps[0]?.name).toMatch(
        from === "staged"
          ? /^boots the previous image, on which the candidate gets staged$/
          : /^boots the previous image, which gets upgraded to the candidate$/,
      );
      expect(folder()).not.toBe("");
      await expectSound(run);
    },
  );

  test("is another one than the booted guest, and than that of the other state", async () => {
    const { frozen } = await tell({
      stories: [story("a/one", "staged"), story("a/two", "upgraded")],
    });
    expect(frozen.size).toBe(2);
    expect([...frozen.keys()].every((key) => !key.startsWith("booted"))).toBe(true);
  });

  test("that cannot be made fails once, with each job that hangs on it, and is the image's failure", async () => {
    const { run, frozen, attempts } = await tell({ sabotage: "stays-on-old" });
    expect([run.model.counts.failed, frozen.size]).toEqual([2, 0]);
    for (const { outcome } of run.model.jobs) {
      const message = outcome.kind === "failed" ? outcome.error.message : "";
      expect(message).toMatch(
        /does not have the expected booted and rollback deployment\. \(Seen when its state was made\.\)/,
      );
      expect(message).toMatch(/ended by it a\/one@\S+, a\/two@/);
    }
    expect(attempts.map((attempt) => attempt?.steps.length)).toEqual([1, 1]);
  });

  test("whose registry cannot be had is nobody's failure", async () => {
    const { run } = await tell({
      table: (world) => ({
        ...simulatedFixtures(world),
        registry: () => Promise.reject(new MachineFault("The registry ended before it answered.")),
      }),
    });
    expect(run.model.jobs.map(({ outcome }) => outcome.kind)).toEqual(["broken", "broken"]);
  });

  test.each([false, true])(
    "whose registry dies while it is made is nobody's failure (cold: %j)",
    async (cold) => {
      const { run } = await tell({
        cold,
        stories: [story("a/one", "upgraded")],
        table: (world) => {
          let endNewest = (_reason: MachineFault): void => undefined;
          // The guest hears of it first: the end of a process is told after its connections break.
          world.reaches = () => {
            setTimeout(() => endNewest(new MachineFault("The registry has ended.")), 100);
            return false;
          };
          world.resolve = () => null;
          return {
            ...simulatedFixtures(world),
            registry: async () => {
              const died = new Promise<never>((_resolve, reject) => {
                endNewest = reject;
              });
              died.catch(() => undefined);
              return { ...simulatedRegistry(world), died };
            },
          };
        },
      });
      for (const { outcome } of run.model.jobs)
        expect(outcome).toMatchObject({
          kind: "broken",
          error: { message: expect.stringContaining("The registry has ended.") },
        });
    },
  );

  test("is made by the story itself where it boots cold", async () => {
    const { run, frozen, attempts } = await tell({ cold: true });
    expect(run.model.counts).toMatchObject({ passed: 2 });
    expect([frozen.size, startsOf(attempts)]).toEqual([0, ["cold", "cold"]]);
    await expectSound(run);
  });

  test("is made by the story itself where the disk follows its vendor, which is told by each", async () => {
    const { run, frozen, attempts } = await tell({ follows: null });
    expect(run.model.counts).toMatchObject({ passed: 2 });
    expect(frozen.size).toBe(0);
    for (const attempt of attempts)
      expect(attempt?.deviations.map(({ id }) => id)).toContain("origin-changed");
  });
});
