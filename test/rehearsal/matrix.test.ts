/** Several images in one run: each job has its own images and its own way of making a disk, and one report tells of all. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DiskSource } from "../../harness/engine/boot.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import type { CellFacts } from "../../harness/log/events.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { expectSound, play } from "./play.ts";
import { simulatedImage, simulatedProfile, storyOf } from "./rehearse.ts";

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
    shelves: { open: async () => world.openShelf() },
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
