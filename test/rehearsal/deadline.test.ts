/** A run's deadline: what still begins before it, what it ends, and what is told of the rest. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ExpectationFailed } from "../../harness/base/errors.ts";
import { exitCodeOf } from "../../harness/cli/commands/run-command.ts";
import { measureHost, memoryToGive } from "../../harness/engine/host-capacity.ts";
import { scenario } from "../../harness/index.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { withForks } from "./fork-driver.ts";
import { costly, expectSound, folder, never, passes, play, story, useFolder } from "./play.ts";

useFolder();

describe("a deadline", () => {
  test("ends what runs in time for evidence, leaves the rest as not run, and is never green", async () => {
    const run = await play([story("a/endless", never), passes("a/later")], { deadlineMs: 3000 });
    expect(run.model.stopped).toMatch(/deadline is near/);
    expect(run.model.counts).toMatchObject({ broken: 1, notRun: 1 });
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });

  test("keeps a job from starting that the history says would not end", async () => {
    const run = await play([passes("a/quick"), passes("a/slow")], {
      deadlineMs: 60_000,
      expectedMs: (job) => (job.startsWith("a/slow") ? 3_600_000 : 1),
    });
    expect(run.model.counts).toMatchObject({ passed: 1, notRun: 1 });
    expect(run.model.stopped).toMatch(/too near to start 1 more job/);
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });

  test("of a month, which no timer can keep, does not end the run at once", async () => {
    const slow = story("a/slow", async () => void (await delay(300)));
    const run = await play([slow], { deadlineMs: 2_592_000_000 });
    expect(run.model.counts).toMatchObject({ passed: 1 });
    expect(run.model.stopped).toBeNull();
  });

  test("that is over already starts nothing, not even what nothing is known of", async () => {
    const run = await play([passes("a/one"), passes("a/two")], { deadlineMs: -1 });
    expect(run.model.counts).toMatchObject({ passed: 0, notRun: 2 });
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });

  test("is looked at again by a job that had to wait for room", async () => {
    const memoryMiB = await measureHost(folder()).then((host) =>
      Math.floor(memoryToGive(host) * 0.7),
    );
    // Both would fit at first, the second not after it has waited: what the history expects is asked each time.
    let isLate = false;
    let secondAsked: () => void = () => undefined;
    const second = new Promise<void>((resolve) => {
      secondAsked = resolve;
    });
    const first = story("a/first", async () => {
      await second;
      isLate = true;
    });
    const run = await play([first, passes("a/second")], {
      parallel: 2,
      memoryMiB,
      driver: costly(memoryMiB),
      deadlineMs: 60_000,
      expectedMs: (job) => {
        if (job.startsWith("a/second")) secondAsked();
        return isLate ? 3_600_000 : 1;
      },
    });
    expect(run.model.counts).toMatchObject({ passed: 1, notRun: 1, broken: 0 });
    expect(run.model.stopped).toMatch(/too near to start 1 more job/);
    expect(run.model.jobs.map(({ attempts }) => attempts.length)).toEqual([1, 0]);
    await expectSound(run);
  });
});

describe("a deadline that leaves no time to try again", () => {
  /** It leaves time until `fails` is called. */
  function dwindling() {
    let isLate = false;
    const fails = (): never => {
      isLate = true;
      throw new ExpectationFailed("no");
    };
    const options = { deadlineMs: 60_000, expectedMs: () => (isLate ? 3_600_000 : 1) };
    return { fails, options };
  }
  const note = "It was not tried again: the run's deadline was too near. The first outcome stands.";

  test("ends the retries; the first outcome stands, and a note says why", async () => {
    const { fails, options } = dwindling();
    const bad = story("a/bad", async () => fails());
    const run = await play([bad], { ...options, retries: 5 });
    expect(run.model.jobs[0]?.attempts.map(({ notes }) => notes)).toEqual([[note]]);
    expect(run.model.counts).toMatchObject({ failed: 1 });
    expect(exitCodeOf(run.model)).toBe(1);
    await expectSound(run);
  });

  test("leaves a failure on a fork unchecked, so that the image is not blamed for it", async () => {
    const { fails, options } = dwindling();
    const definition = scenario({
      summary: "s",
      needs: { images: ["candidate"] },
      timeoutMinutes: 1,
      async run({ images: { candidate }, boot, step }) {
        await using _guest = await boot(candidate);
        await step("holds", async () => fails());
      },
    });
    const driver = withForks(createSimulatedDriver({ world: new SimulatedWorld() }));
    const run = await play([{ id: "a/fork", definition }], { ...options, driver, cold: false });
    expect(run.model.jobs[0]?.attempts.map(({ notes }) => notes)).toEqual([[note]]);
    expect(run.model.jobs[0]?.outcome).toMatchObject({
      kind: "broken",
      error: { headline: expect.stringMatching(/^Not checked by a cold boot, .*: no$/) as string },
    });
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });
});
