/** Who owns what while jobs run side by side: a share of the host outlives its machines, a fault in one job the others' ends. */
import { describe, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { openHostShares } from "../../harness/engine/host-shares.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import type { ScenarioDefinition } from "../../harness/engine/scenario.ts";
import { HostBudget } from "../../harness/engine/schedule.ts";
import { scenario } from "../../harness/index.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { changed, keepingDriver, withMachines } from "./machines.ts";
import { passes, play, story, useFolder } from "./play.ts";
import { simulatedImage, simulatedProfile } from "./rehearse.ts";

useFolder();

const deferred = (): { readonly promise: Promise<void>; readonly resolve: () => void } => {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

test("two jobs that need one board never hold it together, however long its machine takes to end", async () => {
  let on = 0;
  let most = 0;
  const { driver } = keepingDriver();
  const board = withMachines(
    { ...driver, cost: () => ({ memoryMiB: 1, cpus: 0, diskMiB: 0, locks: ["board:x"] }) },
    (machine) => {
      most = Math.max(most, ++on);
      return changed(machine, {
        async [Symbol.asyncDispose]() {
          // Many turns of the event loop: room for another job to begin, if it may.
          for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
          await machine[Symbol.asyncDispose]();
          on--;
        },
      });
    },
  );
  const boots = (id: string) => ({
    id,
    definition: scenario({
      summary: id,
      needs: { images: ["candidate"] },
      timeoutMinutes: 1,
      async run({ images: { candidate }, boot }) {
        // Left to the stage, as by a story that is given up in the middle.
        await boot(candidate);
      },
    }),
  });
  const run = await play([boots("a/one"), boots("a/two"), boots("a/three")], {
    driver: board,
    parallel: 3,
  });
  expect(run.model.counts).toMatchObject({ passed: 3 });
  expect([most, on]).toEqual([1, 0]);
});

describe("a story's guests", () => {
  const boots = (run: ScenarioDefinition<"candidate">["run"], guests?: number) => ({
    id: "a/boots",
    definition: scenario({
      summary: "boots",
      needs: { images: ["candidate"], ...(guests === undefined ? {} : { guests }) },
      timeoutMinutes: 1,
      run,
    }),
  });

  test("are no more at once than the host was asked for; one more is the story's fault", async () => {
    const { driver, machines } = keepingDriver();
    const both: ScenarioDefinition<"candidate">["run"] = async ({
      images: { candidate },
      boot,
    }) => {
      await Promise.all([boot(candidate), boot(candidate)]);
    };
    const run = await play([boots(both)], { driver });
    expect(run.model.jobs[0]?.outcome).toMatchObject({
      kind: "broken",
      error: { type: "TypeError", message: expect.stringContaining("needs.guests") as string },
    });
    expect(machines).toHaveLength(1);
    expect((await play([boots(both, 2)], { driver })).model.counts.passed).toBe(1);
  });

  test("make room when they are let go of, or when their boot failed", async () => {
    const { driver } = keepingDriver();
    let created = 0;
    const flaky: MachineDriver = {
      ...driver,
      create: async (spec, options) => {
        if (created++ === 0) throw new MachineFault("not this time");
        return driver.create(spec, options);
      },
    };
    const inTurn = boots(async ({ images: { candidate }, boot }) => {
      await boot(candidate).catch(() => undefined);
      {
        await using _first = await boot(candidate);
      }
      await using _second = await boot(candidate);
    });
    const run = await play([inTurn], { driver: flaky });
    const steps = run.model.jobs[0]?.attempts[0]?.steps.map(({ outcome }) => outcome?.kind);
    expect(steps).toEqual(["broken", "passed", "passed"]);
  });
});

describe("a fault of the harness in one job", () => {
  test("ends the run only when the others have ended", async () => {
    const faulted = deferred();
    let ended = false;
    const slow = story("a/slow", async () => {
      await faulted.promise;
      for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
      ended = true;
    });
    const run = play([passes("a/quick"), slow], {
      parallel: 2,
      onEvent: (event) => {
        if (event.type !== "job-ended" || !event.job.startsWith("a/quick")) return;
        faulted.resolve();
        throw new TypeError("a fault of the harness");
      },
    });
    await expect(run.catch((error: unknown) => [String(error), ended])).resolves.toEqual([
      "TypeError: a fault of the harness",
      true,
    ]);
  });
});

test("jobs that wait for what another run holds keep none of the others from beginning", async () => {
  const simulated = createSimulatedDriver({ world: new SimulatedWorld() });
  const locks = ["board:pi4"];
  const cost = { memoryMiB: 1, cpus: 1, diskMiB: 1, locks };
  const board: MachineDriver = { ...simulated, kind: "board", cost: () => cost };
  const other = new HostBudget(
    { memoryMiB: 9000, cpus: 9, diskMiB: 99_999 },
    { shares: openHostShares() },
  );
  const held = await other.take(cost, new AbortController().signal);
  const begun: string[] = [];
  const jobs = (driver: MachineDriver, ...ids: string[]) =>
    planJobs({
      scenarios: ids.map((id) =>
        story(id, async () => {
          begun.push(id);
          // The board is given back once all that do not need it have begun.
          if (begun.length === 2) held[Symbol.dispose]();
        }),
      ),
      images: { candidate: simulatedImage("v2", "2") },
      machines: [{ ...simulatedProfile(driver, 64), refusal: null }],
      repeatOptions: [],
    });
  const run = await play([], {
    jobs: [...jobs(board, "a/one", "a/two"), ...jobs(simulated, "b/one", "b/two")],
    drivers: [simulated, board],
    parallel: 2,
  });
  expect(run.model.counts).toMatchObject({ passed: 4 });
  expect(begun.slice(0, 2)).toEqual(["b/one", "b/two"]);
});
