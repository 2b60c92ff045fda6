/** Jobs and the states that they start from: whose clock runs, and who fails of what. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  BootFailed,
  ExpectationFailed,
  HostUnfit,
  MachineFault,
} from "../../harness/base/errors.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { scenario } from "../../harness/index.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import type { MachineDriver, Templates } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { simulatedFixtures } from "../simulated/fixtures.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { withForks } from "./fork-driver.ts";
import { changed, withMachines } from "./machines.ts";
import { expectSound, play, useFolder } from "./play.ts";

useFolder();

/** A story that boots the candidate, with this many minutes. */
const boots = (
  id: string,
  timeoutMinutes = 1,
  needs: { readonly boots?: readonly "candidate"[] } = {},
): LoadedScenario => ({
  id,
  definition: scenario({
    summary: id,
    needs: { images: ["candidate"], ...needs },
    timeoutMinutes,
    async run({ images: { candidate }, boot, step }) {
      await using _guest = await boot(candidate);
      await step("holds", async () => undefined);
    },
  }),
});

interface Making {
  readonly driver: MachineDriver;
  readonly freezes: string[];
}

/** A driver whose template is not there; `freeze` is the end of its making. */
function making(
  freeze: () => Promise<void>,
  driver = createSimulatedDriver({ world: new SimulatedWorld() }),
): Making {
  const forking = withForks(driver);
  const freezes: string[] = [];
  if (forking.templates === null) throw new TypeError("It has templates.");
  const templates: Templates = {
    ...forking.templates,
    find: async () => (freezes.includes("made") ? "/templates/key" : null),
    async freeze(machine) {
      freezes.push("begun");
      await freeze();
      await machine[Symbol.asyncDispose]();
      freezes.push("made");
    },
  };
  return { driver: { ...forking, templates }, freezes };
}

/** In which order events of these kinds come. A job's clock begins with `job-started` (`engine/attempt.ts`). */
function orderOf(...types: readonly RunEvent["type"][]) {
  const order: string[] = [];
  const onEvent = ({ type }: RunEvent): void => {
    if (types.includes(type)) order.push(type);
  };
  return { order, onEvent };
}

describe("a state", () => {
  test("is made once for all jobs, and no job's clock runs meanwhile", async () => {
    const { driver, freezes } = making(async () => undefined);
    const { order, onEvent } = orderOf("state-ended", "job-started");
    const options = { driver, cold: false, parallel: 2, onEvent };
    const run = await play([boots("a/one"), boots("a/two")], options);
    expect(run.model.counts).toMatchObject({ passed: 2 });
    expect(freezes).toEqual(["begun", "made"]);
    expect(order).toEqual(["state-ended", "job-started", "job-started"]);
    await expectSound(run);
  });

  test("that does not boot is tried once, cold, and every job fails with it and shows its console", async () => {
    const world = new SimulatedWorld();
    const simulated = createSimulatedDriver({ world, sabotage: "panics-on-boot" });
    let created = 0;
    const counted = withMachines(simulated, (machine) => {
      created++;
      return machine;
    });
    const { driver, freezes } = making(async () => undefined, counted);
    const run = await play([boots("a/one"), boots("a/two")], { driver, cold: false });
    expect(run.model.counts).toMatchObject({ failed: 2 });
    expect([created, freezes]).toEqual([1, []]);
    for (const { outcome, attempts } of run.model.jobs) {
      expect(outcome).toMatchObject({
        error: {
          type: "BootFailed",
          headline: expect.stringMatching(/\(Seen when its state was made\.\)$/) as string,
        },
      });
      expect(attempts).toHaveLength(1);
      expect(attempts[0]?.steps).toMatchObject([{ outcome: { kind: "failed" } }]);
      const [console] = attempts[0]?.evidence.filter(({ kind }) => kind === "console") ?? [];
      expect(console?.path).toMatch(/^states\/booted-key\/console\.log$/);
      await access(join(run.directory, console?.path ?? ""));
    }
    await expectSound(run);
  });

  test.each([
    ["a fault of QEMU", () => new MachineFault("QEMU could not save the machine's state.")],
    ["a full disk", () => new HostUnfit("There is no room for the template.")],
    ["what a library throws", () => new Error("ENOSPC: no space left on device, write")],
    ["an error that blames images", () => new BootFailed("It died.", { stage: "kernel" })],
  ])(
    "that boots and cannot be frozen (%s) is a note, and each job boots for itself",
    async (_, error) => {
      const { driver, freezes } = making(() => Promise.reject(error()));
      const run = await play([boots("a/one"), boots("a/two")], { driver, cold: false });
      expect(run.model.counts).toMatchObject({ passed: 2 });
      expect(freezes).toEqual(["begun"]);
      for (const { attempts } of run.model.jobs) {
        expect(attempts).toHaveLength(1);
        expect(attempts[0]?.guests[0]?.start).toBe("cold");
        const words = error().message.replace(/\.$/, "");
        expect(attempts[0]?.notes).toEqual([
          `The booted guest of simulated:v2 (uefi) could not be frozen: ${words}; every scenario boots for itself.`,
        ]);
      }
      await expectSound(run);
    },
  );

  test("whose machine lacks something says so in each job that is forked from it", async () => {
    const notes = ["/dev/shm has no room."];
    const simulated = createSimulatedDriver({ world: new SimulatedWorld() });
    const lacking = withMachines(simulated, (machine) => changed(machine, { notes }));
    const { driver } = making(async () => undefined, lacking);
    const run = await play([boots("a/one"), boots("a/two")], { driver, cold: false });
    expect(run.model.counts).toMatchObject({ passed: 2 });
    expect(run.model.jobs.map(({ attempts }) => attempts[0]?.notes)).toEqual([notes, notes]);
  });

  test("that waits for the only place is not waited for by the job that holds it", async () => {
    const { driver } = making(async () => undefined);
    // The first does not say what it boots, so it begins at once; the second waits with the state for its end.
    const run = await play([boots("a/one", 0.2, { boots: [] }), boots("a/two")], {
      driver,
      cold: false,
      parallel: 1,
    });
    expect(run.model.counts).toMatchObject({ passed: 2 });
    const [one, two] = run.model.jobs.map(({ attempts }) => attempts[0]);
    expect(one?.guests[0]?.start).toBe("cold");
    expect(one?.notes).toEqual([expect.stringMatching(/'needs\.boots'/)]);
    expect(two?.guests[0]?.start).toBe("fork");
  });

  test("does not keep the cold check from a job that fails on its fork", async () => {
    const { driver } = making(async () => undefined);
    const bad = boots("a/bad");
    const definition = scenario({
      ...bad.definition,
      async run({ images, boot, step }) {
        await using _guest = await boot(images.candidate as never);
        await step("holds", () => Promise.reject(new ExpectationFailed("no")));
      },
    });
    const run = await play([{ ...bad, definition }], { driver, cold: false });
    expect(run.model.jobs[0]?.attempts.map(({ guests }) => guests[0]?.start)).toEqual([
      "fork",
      "cold",
    ]);
  });
});

describe("images that are served", () => {
  test("are made ready before the job's clock starts", async () => {
    const world = new SimulatedWorld();
    const { order, onEvent } = orderOf("job-started");
    const definition = scenario({
      summary: "s",
      needs: { images: ["candidate"], publishes: ["candidate"] },
      timeoutMinutes: 1,
      async run({ step }) {
        await step("holds", async () => undefined);
      },
    });
    const run = await play([{ id: "a/served", definition }], {
      onEvent,
      fixtures: {
        table: simulatedFixtures(world),
        async prepare(images) {
          await delay(50);
          order.push(...images.map(({ name }) => name));
        },
      },
    });
    expect(order).toEqual(["simulated:v2", "job-started"]);
    expect(run.model.counts).toMatchObject({ passed: 1 });
  });
});
