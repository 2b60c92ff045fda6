/** Several images in one run: each job has its own images and its own way of making a disk, and one report tells of all. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import type { DiskSource } from "../../harness/engine/boot.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import { decideAll } from "../../harness/gate/verdict/decide-all.ts";
import { decide } from "../../harness/gate/verdict/verdict.ts";
import type { CellFacts } from "../../harness/log/events.ts";
import { readImageLayers } from "../../images/origins/image-layers.ts";
import { imageTable } from "../../reports/image-table.ts";
import { diffIdOf, writeLayered } from "../contract/support/layered-layout.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { simulatedFixtures } from "../simulated/fixtures.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { expectSound, folder, play, useFolder } from "./play.ts";
import { simulatedImage, simulatedProfile, storyOf } from "./rehearse.ts";

useFolder();

test("two images, one of them installed in two ways, are told apart in every report", async () => {
  const world = new SimulatedWorld();
  const good = simulatedImage("good", "2");
  const bad = simulatedImage("bad", "3");
  const driver = createSimulatedDriver({
    world,
    sabotage: "no-composefs",
    sabotagedDigest: bad.digest,
  });
  const scenarios = [await storyOf("boot/health"), await storyOf("composefs/root")];
  const asked: string[] = [];
  const sourceOf = (way: string): DiskSource => ({
    async stateOf(image) {
      asked.push(`${way} of ${image.name}`);
      return null;
    },
    withDisk: () => Promise.reject(new Error("There is no state, so nothing was made.")),
  });
  const cellOf = (image: typeof good, cell: CellFacts, disks?: DiskSource) =>
    planJobs({
      scenarios,
      images: { candidate: image },
      machines: [{ ...simulatedProfile(driver), refusal: null }],
      cell,
      disks,
      repeatOptions: ["--candidate", image.name],
    });
  const run = await play([], {
    driver,
    disks: sourceOf("the run's way"),
    fixtures: { table: simulatedFixtures(world) },
    jobs: [
      ...cellOf(good, { image: "good", disk: "ext4" }, sourceOf("ext4")),
      ...cellOf(good, { image: "good", disk: "xfs" }, sourceOf("xfs")),
      ...cellOf(bad, { image: "bad" }),
    ],
  });
  await expectSound(run);
  const { model, directory } = run;
  expect(model.jobs.map(({ id, outcome }) => `${id} ${outcome.kind}`)).toEqual([
    "boot/health@simulated-x86_64-uefi+good+ext4 passed",
    "composefs/root@simulated-x86_64-uefi+good+ext4 passed",
    "boot/health@simulated-x86_64-uefi+good+xfs passed",
    "composefs/root@simulated-x86_64-uefi+good+xfs passed",
    "boot/health@simulated-x86_64-uefi+bad passed",
    "composefs/root@simulated-x86_64-uefi+bad failed",
  ]);
  expect([...new Set(asked)].sort()).toEqual([
    "ext4 of simulated:good",
    "the run's way of simulated:bad",
    "xfs of simulated:good",
  ]);
  const read = (name: string): Promise<string> => readFile(join(directory, name), "utf8");
  expect(await read("summary.txt")).toContain("≠  composefs/root  passed     passed    failed");
  expect(await read("summary.md")).toContain("The images differ in 1 of 2 scenarios");
  expect(await read("report.html")).toContain('<th scope="col">good ext4</th>');
  expect(await read("junit.xml")).toContain("composefs/root@simulated-x86_64-uefi+bad");
  expect(JSON.parse(await read("results.json")).jobs[0].cell).toEqual({
    image: "good",
    disk: "ext4",
  });
});

test("an image that cannot be had breaks its own column, holds the verdict, and the others go on", async () => {
  const world = new SimulatedWorld();
  const driver = createSimulatedDriver({ world });
  const good = simulatedImage("good", "2");
  const unavailable = new UsageError("The registry 'r.example' does not have 'r.example/os:1'.");
  const scenarios = [await storyOf("boot/health"), await storyOf("composefs/root")];
  const machines = [
    { ...simulatedProfile(driver), refusal: null },
    { ...simulatedProfile(driver), firmware: "bios" as const, refusal: "It has no BIOS." },
  ];
  const lacking = (image: string) =>
    planJobs({ scenarios, images: {}, unavailable, machines, cell: { image }, repeatOptions: [] });
  const run = await play([], {
    driver,
    fixtures: { table: simulatedFixtures(world) },
    jobs: [
      ...lacking("gone"),
      ...planJobs({
        scenarios,
        images: { candidate: good },
        machines,
        cell: { image: "good" },
        repeatOptions: [],
      }),
      ...lacking("gone-too"),
    ],
  });
  await expectSound(run);
  const { model, directory } = run;
  expect(model.counts).toMatchObject({ passed: 2, broken: 4, skipped: 6, failed: 0 });
  const read = (name: string): Promise<string> => readFile(join(directory, name), "utf8");
  const text = await read("summary.txt");
  expect(text).toMatch(/≠ {2}boot\/health +broken +skipped +passed +skipped +broken +skipped/);
  expect(text).toContain(unavailable.headline);
  expect(await read("junit.xml")).toMatch(/<error [^>]*does not have/);

  // What was not had stands in its column, and marks no row as one in which the images differ.
  const uefi = model.jobs.filter(({ machine }) => machine.firmware === "uefi");
  const table = imageTable({ ...model, jobs: uefi });
  expect(table?.columns).toEqual(["gone", "good", "gone-too"]);
  expect(table?.rows.map(({ differs }) => differs)).toEqual([false, false]);

  const policy = policySchema.parse({
    version: 1,
    require: [{ scenarios: ["boot/health"], images: ["simulated:*"] }],
    minimumPassed: 1,
  });
  const runs = [{ model, eventsDigest: `sha256:${"0".repeat(64)}` }];
  const decision = decide({ runs, policy, known: noKnownFailures, now: new Date() });
  expect(decision).toMatchObject({ verdict: "HOLD", because: "cannot-tell" });
  const told = decision.unsatisfied.map(({ reason }) => reason).join("\n");
  expect(told).toMatch(/boot\/health of gone on .* could not be judged: The registry/);
  expect(told).toMatch(/boot\/health of gone-too on /);
  expect(told).not.toMatch(/composefs/);
});

test("one OCI image on two disks is two columns", async () => {
  const driver = createSimulatedDriver({ world: new SimulatedWorld() });
  const image = simulatedImage("one", "2");
  const other = asDigest(`sha256:${"7".repeat(64)}`);
  const scenarios = [await storyOf("boot/health")];
  const machines = [{ ...simulatedProfile(driver), refusal: null }];
  const jobs = [
    image,
    { ...image, disk: { path: "/b.raw", format: "raw" as const, digest: other } },
  ].flatMap((candidate, index) =>
    planJobs({
      scenarios,
      images: { candidate },
      machines,
      cell: { image: `disk-${index}` },
      repeatOptions: [],
    }),
  );
  const { model } = await play([], { driver, jobs });
  expect(model.jobs.map(({ images }) => images.candidate?.disk)).toEqual([undefined, other]);
});

test("variants of one base that lost composefs name the base, and each is decided by itself", async () => {
  const commit = "c".repeat(64);
  const labels = { "ostree.commit": commit, "ostree.final-diffid": diffIdOf("packages") };
  const imageOf = async (name: string, layers: string[], own = {}) => {
    const layout = join(folder(), name);
    const digest = await writeLayered(layout, { layers, labels: own });
    const image = simulatedImage(name, "2");
    return { ...image, digest, manifest: digest, oci: { layout, tag: "v1" } };
  };
  const built = [
    await imageOf("kinoite", ["commit", "packages", "kde"], labels),
    await imageOf("silverblue", ["commit", "packages", "gnome"], labels),
  ];
  const debian = await imageOf("debian", ["debian", "own"], {
    "org.opencontainers.image.base.digest": `sha256:${"d".repeat(64)}`,
  });
  const world = new SimulatedWorld();
  const add = (digest: typeof debian.digest): void =>
    world.addImage({ ...world.image(digest), version: "v2" });
  for (const { digest } of [...built, debian]) add(digest);
  const scenarios = [await storyOf("boot/health"), await storyOf("composefs/root")];
  const good = createSimulatedDriver({ world });
  const bad = createSimulatedDriver({ world, sabotage: "no-composefs" });
  const ofBase = new Set<string>(built.map(({ digest }) => digest));
  const driver: typeof good = {
    ...good,
    create: (spec, how) => (ofBase.has(spec.imageDigest) ? bad : good).create(spec, how),
  };
  const run = await play([], {
    driver,
    fixtures: { table: simulatedFixtures(world) },
    readLayers: readImageLayers,
    jobs: [...built, debian].flatMap((candidate) =>
      planJobs({
        scenarios,
        images: { candidate },
        machines: [{ ...simulatedProfile(driver), refusal: null }],
        cell: { image: candidate.name.replace("simulated:", "") },
        repeatOptions: [],
      }),
    ),
  });
  await expectSound(run);
  const read = (name: string): Promise<string> => readFile(join(run.directory, name), "utf8");
  const words =
    "2 of 3 variants fail the same step with the same words: the base (ostree commit cccccccccccc, the first 2 layers of 14 B).";
  expect(await read("summary.txt")).toContain(words);
  expect(await read("report.html")).toContain(words);
  expect(await read("summary.md")).toContain("variants fail the same step with the same words");
  expect(await read("summary.txt")).toMatch(/passed +debian \(of another base\)/);
  expect(await read("summary.txt")).toContain(
    "kinoite: 17 B (3); based on: ostree commit cccccccccccc; shares with: silverblue 14 B (2)",
  );
  expect(JSON.parse(await read("results.json")).imageLayers).toHaveLength(3);

  const policy = policySchema.parse({
    version: 1,
    require: [{ scenarios: ["boot/health", "composefs/root"] }],
    deviations: { allow: ["*"] },
  });
  const runs = [{ model: run.model, eventsDigest: `sha256:${"0".repeat(64)}` }];
  const { decision } = decideAll({ runs, policy, known: noKnownFailures, now: new Date() });
  expect(decision.verdict).toBe("HOLD");
  expect(decision.parts?.map(({ kind, verdict, because }) => [kind, verdict, because])).toEqual([
    ["variant", "HOLD", "image"],
    ["variant", "HOLD", "image"],
    ["variant", "PROMOTE", null],
    ["base", "HOLD", "image"],
  ]);
});
