/** Jobs and the states that they start from: whose clock runs, and who fails of what. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { BootFailed, ExpectationFailed } from "../../harness/base/errors.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { scenario } from "../../harness/index.ts";
import type { MachineDriver, Templates } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { withForks } from "./fork-driver.ts";
import { expectSound, play } from "./play.ts";

/** A story that boots the candidate, with this many minutes. */
const boots = (id: string, timeoutMinutes = 1): LoadedScenario => ({
  id,
  definition: scenario({
    summary: id,
    needs: { images: ["candidate"] },
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
function making(freeze: () => Promise<void>): Making {
  const forking = withForks(createSimulatedDriver({ world: new SimulatedWorld() }));
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

describe("a state", () => {
  test("is made once for all jobs, and no job's clock runs meanwhile", async () => {
    // Three seconds for a job; the state takes longer, and the second job waits for it too.
    const { driver, freezes } = making(() => delay(3500));
    const run = await play([boots("a/one", 0.05), boots("a/two", 0.05)], {
      driver,
      cold: false,
      parallel: 2,
    });
    expect(run.model.counts).toMatchObject({ passed: 2 });
    expect(freezes).toEqual(["begun", "made"]);
    expect(run.model.jobs.map(({ durationMs }) => durationMs < 3000)).toEqual([true, true]);
    await expectSound(run);
  });

  test("that does not boot is tried once, cold, and every job fails with it and shows its console", async () => {
    const { driver, freezes } = making(async () => {
      throw new BootFailed("Guest 'candidate' did not boot: kernel panic.", { stage: "kernel" });
    });
    const run = await play([boots("a/one"), boots("a/two")], { driver, cold: false });
    expect(run.model.counts).toMatchObject({ failed: 2 });
    expect(freezes).toEqual(["begun"]);
    for (const { outcome, attempts } of run.model.jobs) {
      expect(outcome).toMatchObject({
        error: {
          type: "BootFailed",
          headline: "Guest 'candidate' did not boot: kernel panic. (Seen when its state was made.)",
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
    const served: string[] = [];
    const definition = scenario({
      summary: "s",
      needs: { images: ["candidate"], publishes: ["candidate"] },
      timeoutMinutes: 0.02,
      async run({ step }) {
        await step("holds", async () => undefined);
      },
    });
    const run = await play([{ id: "a/served", definition }], {
      shelves: {
        open: async () => world.openShelf(),
        async prepare(images) {
          await delay(1500);
          served.push(...images.map(({ name }) => name));
        },
      },
    });
    expect(served).toEqual(["simulated:v2"]);
    expect(run.model.counts).toMatchObject({ passed: 1 });
    expect(run.model.jobs[0]?.durationMs).toBeLessThan(1000);
  });
});
