/** A story whose previous image nobody named: every report, the log and the verdict say what was played instead. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planJobs } from "../../harness/engine/plan.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import { decide } from "../../harness/gate/verdict/verdict.ts";
import type { Image } from "../../images/image.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { simulatedFixtures } from "../simulated/fixtures.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { expectSound, play, useFolder } from "./play.ts";
import { simulatedImage, simulatedProfile, storyOf } from "./rehearse.ts";

useFolder();

const candidate = simulatedImage("v2", "2");
const previous: Image = {
  ...simulatedImage("v1", "1"),
  name: "simulated:v2 (derived: previous)",
  derivedFrom: candidate.digest,
  notes: ["It stands for the image that users have today."],
};
const scenario = "bootc/upgrade-rollback";

test("it is told in the log, in every report for people and for machines, and in the verdict", async () => {
  const world = new SimulatedWorld();
  const driver = createSimulatedDriver({ world });
  const jobs = planJobs({
    scenarios: [await storyOf(scenario)],
    images: { previous, candidate },
    machines: [{ ...simulatedProfile(driver), refusal: null }],
    repeatOptions: [],
  });
  const run = await play([], { jobs, driver, fixtures: { table: simulatedFixtures(world) } });
  await expectSound(run);
  const { model, directory } = run;
  const [job] = model.jobs;
  expect(job?.outcome).toEqual({ kind: "passed" });
  expect(job?.images.previous).toMatchObject({ derivedFrom: candidate.digest });
  expect(job?.images.candidate).not.toHaveProperty("derivedFrom");
  const told = job?.attempts[0]?.deviations.filter(({ id }) => id === "derived-image");
  expect(told).toHaveLength(1);
  expect(told?.[0]?.text).toMatch(
    /^No image was named for the role 'previous': simulated:v2 \(der/,
  );
  expect(job?.attempts[0]?.notes.join()).toContain(
    "It stands for the image that users have today.",
  );
  const files = await readdir(directory);
  const read = (name: string): Promise<string> => readFile(join(directory, name), "utf8");
  const junit = await read("junit.xml");
  expect(junit).toContain(`name="image.previous" value="${previous.name}"`);
  expect(junit).toContain(`name="image.previous.derived-from" value="${candidate.digest}"`);
  expect(junit).toContain('name="deviation.derived-image"');
  for (const name of ["report.html", "summary.md", "summary.txt", "results.json"]) {
    expect(files).toContain(name);
    expect(await read(name), name).toMatch(/derived(From| from)/);
  }
  const allowing = (allow: string[]): ReturnType<typeof decide> =>
    decide({
      runs: [{ model, eventsDigest: `sha256:${"0".repeat(64)}` }],
      policy: policySchema.parse({
        version: 1,
        require: [{ scenarios: [scenario] }],
        deviations: { allow },
      }),
      known: { version: 1, failures: [] },
      now: new Date(),
    });
  const judged = allowing([]).deviations.find(({ id }) => id === "derived-image");
  expect(judged).toMatchObject({ allowed: false, jobs: 1 });
  const allowed = allowing(["derived-image"]).deviations.find(({ id }) => id === "derived-image");
  expect(allowed).toMatchObject({ allowed: true });
});
