/** Evidence is taken on every path on which an attempt can end, of every guest that still answers, in a time of its own. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ExpectationFailed, RunStopped } from "../../harness/base/errors.ts";
import type { ExecutedRun } from "../../harness/engine/execute.ts";
import type { LoadedScenario, Stage } from "../../harness/engine/scenario.ts";
import type { Guest } from "../../harness/guest/guest.ts";
import { sshAddressOf } from "../../harness/guest/ssh/address-of.ts";
import { scenario } from "../../harness/index.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { withForks } from "./fork-driver.ts";
import { changed, keepingDriver, withMachines } from "./machines.ts";
import { expectSound, never, play, useFolder } from "./play.ts";
import { rehearseStory, timeScales } from "./rehearse.ts";

useFolder();

type Body = (guest: Guest, stage: Stage<"candidate">) => Promise<void>;

/** A story that boots the candidate and then does something. */
const story = (body: Body, timeoutMinutes = 1, guests = 1): LoadedScenario => ({
  id: "a/story",
  definition: scenario({
    summary: "s",
    needs: { images: ["candidate"], guests },
    timeoutMinutes,
    async run(stage) {
      await using guest = await stage.boot(stage.images.candidate);
      await body(guest, stage);
    },
  }),
});

/** Long enough to boot on a busy host. Minutes. */
const shortLimit = 5 / 60;
const kinds = ["journal", "failed-units", "bootc-status"];

async function expectEvidence({ model, directory }: ExecutedRun): Promise<void> {
  const evidence = model.jobs[0]?.attempts[0]?.evidence ?? [];
  expect(evidence.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
  const read = (kind: string): Promise<string> =>
    readFile(join(directory, evidence.find((item) => item.kind === kind)?.path ?? ""), "utf8");
  expect(await read("journal")).toContain("Booted Simulated OS");
  expect(JSON.parse(await read("bootc-status"))).toMatchObject({ kind: "BootcHost" });
}

describe("a guest that answers is asked", () => {
  test("after the job's time limit, in a step; a person may look then", async () => {
    const held: string[] = [];
    const run = await play([story((_, { step }) => step("waits", never), shortLimit)], {
      hold: async (guests) => void held.push(...guests.map(({ name }) => name)),
    });
    expect(run.model.jobs[0]?.outcome).toMatchObject({ error: { type: "RunStopped" } });
    expect(held).toEqual(["candidate"]);
    await expectEvidence(run);
    await expectSound(run);
  });

  test("after the job's time limit, outside of a step", async () => {
    const run = await play([story(never, shortLimit)]);
    expect(run.model.jobs[0]?.outcome).toMatchObject({ error: { type: "RunStopped" } });
    await expectEvidence(run);
  });

  test("when the story throws outside of a step, although it lets go of its guest by that", async () => {
    const run = await play([story(() => Promise.reject(new ExpectationFailed("no")))]);
    expect(run.model.counts).toMatchObject({ failed: 1 });
    await expectEvidence(run);
  });

  test("after a fatal console line", async () => {
    const { driver, machines } = keepingDriver();
    const panics = story((guest, { step }) =>
      step("goes on", async () => {
        const line = "[   60.000000] Kernel panic - not syncing: only said so\n";
        machines[0]?.console.feed(Buffer.from(line));
        await machines[0]?.console.fatal.catch(() => undefined);
        await guest.run`true`;
      }),
    );
    const run = await play([panics], { driver });
    expect(run.model.jobs[0]?.outcome).toMatchObject({
      kind: "failed",
      error: { type: "BootFailed" },
    });
    await expectEvidence(run);
  });

  test("after the run's deadline", async () => {
    const run = await play([story((_, { step }) => step("waits", never))], { deadlineMs: 8000 });
    expect(run.model.stopped).toMatch(/deadline is near/);
    await expectEvidence(run);
  });

  test("after an interruption, and nobody is asked to look", async () => {
    const stopper = new AbortController();
    let held = 0;
    const interrupted = story((_, { step }) =>
      step("waits", async () => {
        stopper.abort(new RunStopped("The run was interrupted by SIGINT."));
        await never();
      }),
    );
    const run = await play([interrupted], {
      signal: stopper.signal,
      hold: async () => void held++,
    });
    expect(run.model.counts).toMatchObject({ broken: 1 });
    expect(held).toBe(0);
    await expectEvidence(run);
  });

  test.each([true, false])(
    "a person may look at a guest that does not boot, cold: %s",
    async (cold) => {
      const world = new SimulatedWorld();
      const forking = withForks(createSimulatedDriver({ world, sabotage: "panics-on-boot" }));
      const { templates } = forking;
      if (templates === null) throw new Error("The driver cannot fork.");
      // None is there yet, so the first guest is booted to be forked from.
      const driver = { ...forking, templates: { ...templates, find: async () => null } };
      const held: string[] = [];
      const run = await play([story(async () => undefined)], {
        driver,
        cold,
        hold: async (guests) => void held.push(...guests.map(({ name }) => name)),
      });
      expect(run.model.counts).toMatchObject({ failed: 1 });
      expect(held).toEqual(["candidate"]);
    },
  );

  test("when its boot timed out, over a login of its own", async () => {
    let asked = 0;
    const boots = story(async () => undefined, 30);
    const job = await rehearseStory(boots, null, {
      timeScale: timeScales.sabotaged,
      // The first try of the boot hangs until the boot's time is over; sshd is there all the time.
      driver: (driver) =>
        withMachines(driver, (machine) =>
          changed(machine, {
            sshAddress: (signal) => (asked++ === 0 ? never() : sshAddressOf(machine, signal)),
          }),
        ),
    });
    // Nothing showed that the image was to blame for it.
    expect(job.outcome).toMatchObject({ kind: "broken", error: { type: "CannotTell" } });
    const evidence = job.attempts[0]?.evidence.map(({ kind }) => kind);
    expect(evidence).toEqual(expect.arrayContaining(kinds));
  });
});

describe("a guest that does not answer", () => {
  test("costs an interrupted run a few seconds", async () => {
    const stopper = new AbortController();
    let abortedAt = 0;
    const hangs = story((guest, { step }) =>
      step("asks", async () => {
        setTimeout(() => {
          abortedAt = performance.now();
          stopper.abort(new RunStopped("The run was interrupted by SIGINT."));
        }, 100);
        await guest.run`hostname`;
      }),
    );
    await play([hangs], { driver: keepingDriver("hangs").driver, signal: stopper.signal });
    expect(performance.now() - abortedAt).toBeLessThan(8000);
  });

  test("does not cost the evidence of another", async () => {
    const { driver, machines } = keepingDriver();
    const body: Body = async (_, { boot, step, images: { candidate } }) => {
      await using _other = await boot(candidate);
      await step("fails", async () => {
        await machines[0]?.power.off(new AbortController().signal);
        throw new ExpectationFailed("no");
      });
    };
    const twice = story(body, 1, 2);
    const run = await play([twice], { driver });
    const paths = run.model.jobs[0]?.attempts[0]?.evidence.map(({ path }) => path) ?? [];
    expect(paths.filter((path) => path.endsWith("journal.txt"))).toEqual([
      expect.stringMatching(/\/candidate-2\/journal\.txt$/),
    ]);
  });
});

test("a guest that the story has let go of is off before the next step", async () => {
  const { driver, machines } = keepingDriver();
  const off: boolean[] = [];
  const definition = scenario({
    summary: "s",
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ images: { candidate }, boot, step }) {
      {
        await using _guest = await boot(candidate);
      }
      await step("nothing runs", async () => {
        off.push(machines[0]?.isClosed === true);
        await delay(0);
      });
    },
  });
  await play([{ id: "a/lets-go", definition }], { driver });
  expect(off).toEqual([true]);
});
