/** A bare disk: what its guest says at the first boot counts for the run, is told as its own word, and does not change. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import type { ExecutedRun } from "../../harness/engine/execute.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { scenario } from "../../harness/index.ts";
import type { RunModel } from "../../harness/log/model-schema.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import type { Image } from "../../images/image.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { withForks } from "./fork-driver.ts";
import { expectSound, play, useFolder } from "./play.ts";
import { simulatedImage, simulatedProfile, storyOf } from "./rehearse.ts";

useFolder();

const manifest = `sha256:${"2".repeat(64)}`;
const other = `sha256:${"3".repeat(64)}`;
const bare: Image = {
  ...simulatedImage("disk.qcow2", "d"),
  manifest: null,
  oci: null,
  notes: ["Something is odd."],
};

/** Machines whose disk holds these images, one after the other and then always the last. */
function installed(...digests: readonly [string, ...string[]]): MachineDriver {
  const driver = createSimulatedDriver({ world: new SimulatedWorld() });
  const left = [...digests];
  return {
    ...driver,
    create: (spec, options) => {
      const imageDigest = (left.length > 1 ? left.shift() : left[0]) ?? "";
      return driver.create({ ...spec, imageDigest }, options);
    },
  };
}

const playOn = async (...given: Parameters<typeof playWhole>): Promise<RunModel> =>
  (await playWhole(...given)).model;

async function playWhole(
  driver: MachineDriver,
  candidate: Image,
  scenarios: readonly LoadedScenario[],
  cold = true,
): Promise<ExecutedRun> {
  const machine = { ...simulatedProfile(driver), refusal: null };
  const jobs = planJobs({
    scenarios,
    images: { candidate },
    machines: [machine],
    repeatOptions: [],
  });
  const run = await play([], { jobs, driver, cold, recheckCold: false });
  await expectSound(run);
  return run;
}

const story = (id: string): LoadedScenario => ({
  id,
  definition: scenario({
    summary: id,
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ images: { candidate }, boot, step }) {
      await using guest = await boot(candidate);
      await step("the booted image is the one under test", () =>
        guest.expectDeployments({ booted: candidate, staged: null, rollback: null }),
      );
    },
  }),
});

test("a good bare disk passes, and what its guest says is told as a claim in each job", async () => {
  const { model, directory } = await playWhole(installed(manifest), bare, [
    await storyOf("bootc/status"),
    story("again"),
  ]);
  expect(model.jobs.map(({ outcome }) => outcome.kind)).toEqual(["passed", "passed"]);
  for (const { images, attempts } of model.jobs) {
    expect(images.candidate).toMatchObject({ digest: bare.digest, digestOf: "disk" });
    const notes = attempts[0]?.notes ?? [];
    expect(notes).toContain("simulated:disk.qcow2: Something is odd.");
    expect(notes.filter((note) => note.includes(`The guest says it is ${manifest}`))).toEqual([
      expect.stringMatching(/nothing proves it/),
    ]);
  }
  for (const name of ["summary.txt", "summary.md", "report.html", "junit.xml"]) {
    expect(await readFile(join(directory, name), "utf8"), name).toMatch(
      /of the disk file|the disk file; /,
    );
  }
});

test("the first boot's word counts for all jobs: a later guest that says another fails", async () => {
  const model = await playOn(installed(manifest, other), bare, [story("one"), story("two")]);
  expect(model.jobs.map(({ outcome }) => outcome.kind)).toEqual(["passed", "failed"]);
  expect(model.jobs[1]?.attempts[0]?.steps.at(-1)?.outcome).toMatchObject({
    error: { message: expect.stringMatching(/expected simulated:disk.qcow2 .*2222[\s\S]*3333/) },
  });
});

test("a disk in package mode is told apart at its first guest, once, and later stories refer to it", async () => {
  const driver = createSimulatedDriver({ world: new SimulatedWorld({ kind: "package" }) });
  const stories = ["boot/health", "bootc/status", "composefs/root"].map((id) => storyOf(id));
  const model = await playOn(driver, { ...bare, notes: [] }, await Promise.all(stories));
  const [health, ...others] = model.jobs;
  expect(health?.outcome.kind).toBe("passed");
  const words = /^candidate: This is not a bootc or ostree system\. \(.*ostree-booted is not there/;
  expect(health?.attempts[0]?.notes.filter((note) => words.test(note))).toHaveLength(1);
  expect(others).toHaveLength(2);
  for (const { outcome, attempts } of others) {
    expect(attempts.flatMap(({ notes }) => notes).filter((note) => words.test(note))).toEqual([]);
    expect(outcome).toMatchObject({
      kind: "failed",
      error: {
        headline: "This is not a bootc or ostree system.",
        message: expect.stringMatching(
          /told +by the first guest of the run, in a note of 'boot\/health@/,
        ),
      },
    });
    if (outcome.kind === "failed") expect(outcome.error.message).not.toContain("ostree-booted");
  }
});

test("a fork is asked as well", async () => {
  const model = await playOn(withForks(installed(manifest)), bare, [story("one")], false);
  expect(model.jobs[0]?.outcome.kind).toBe("passed");
  expect(model.jobs[0]?.attempts[0]?.guests[0]?.start).toBe("fork");
});

test("a disk with its OCI image is held against the manifest, and nothing is claimed", async () => {
  const digest = asDigest(manifest);
  const pair = { ...simulatedImage("v2", "2"), digest, manifest: digest };
  const model = await playOn(installed(other), pair, [story("one")]);
  expect(model.jobs[0]?.outcome.kind).toBe("failed");
  expect(model.jobs[0]?.attempts[0]?.notes).toEqual([]);
});
