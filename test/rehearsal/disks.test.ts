/** Jobs whose image has no disk yet: it is made once before they begin, and what goes wrong in that is told by each. */
import { expect, test } from "vitest";
import { deviation } from "../../harness/base/deviations.ts";
import { CannotTell, CommandFailed } from "../../harness/base/errors.ts";
import type { DiskSource } from "../../harness/engine/boot.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { scenario } from "../../harness/index.ts";
import { expectSound, play, useFolder } from "./play.ts";
import { simulatedImage } from "./rehearse.ts";

useFolder();

const withDisk = simulatedImage("v2", "2");
const candidate = { ...withDisk, disk: null };

const boots = (id: string): LoadedScenario => ({
  id,
  definition: scenario({
    summary: id,
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ images: { candidate: image }, boot, step }) {
      await using _guest = await boot(image);
      await step("holds", async () => undefined);
    },
  }),
});

/** Makes the disk of the simulated image by `work`; counts how often. */
function disksOf(work: () => Promise<void>): DiskSource & { readonly made: string[] } {
  const made: string[] = [];
  return {
    made,
    stateOf: async (image) =>
      image.disk !== null
        ? null
        : {
            key: "d".repeat(64),
            title: `the disk of ${image.name}`,
            name: "disk",
            cost: { memoryMiB: 1, cpus: 1, diskMiB: 1, locks: [] },
            limitMs: 60_000,
            isMade: async () => made.includes("done"),
            lock: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
            async make() {
              made.push("begun");
              await work();
              made.push("done");
              return null;
            },
          },
    withDisk: async (image) => {
      const { disk } = withDisk;
      if (disk === null) throw new TypeError("The simulated image has a disk.");
      const deviations = [deviation("disk-built", "bootc 1", "vm", "bootc install to-disk")];
      return { ...image, disk: { ...disk, deviations } };
    },
  };
}

test("the disk is made once for all jobs, and every report says how", async () => {
  const disks = disksOf(async () => undefined);
  const run = await play([boots("a/one"), boots("a/two")], { candidate, disks, parallel: 2 });
  expect(run.model.counts).toMatchObject({ passed: 2 });
  expect(disks.made).toEqual(["begun", "done"]);
  const told = run.model.jobs.map((job) =>
    job.attempts.flatMap(({ deviations }) => deviations.map(({ id }) => id)),
  );
  expect(told.every((ids) => ids.includes("disk-built"))).toBe(true);
  await expectSound(run);
});

test("an image whose own installer fails is failed, once, in every job that boots it", async () => {
  const disks = disksOf(async () => {
    throw new CommandFailed("The image 'x' could not be installed on a disk: error: no bootupd");
  });
  const run = await play([boots("a/one"), boots("a/two")], { candidate, disks, parallel: 2 });
  expect(run.model.counts).toMatchObject({ failed: 2 });
  expect(disks.made).toEqual(["begun"]);
});

test("an installation that shows nobody's fault is broken", async () => {
  const disks = disksOf(async () => {
    throw new CannotTell("The installation of 'x' stood still.");
  });
  const run = await play([boots("a/one")], { candidate, disks });
  expect(run.model.counts).toMatchObject({ broken: 1 });
});

test("where no disk can be made the job is skipped, with the reason", async () => {
  const run = await play([boots("a/one")], { candidate });
  expect(run.model.jobs[0]?.outcome).toMatchObject({
    kind: "skipped",
    reason: expect.stringContaining("has no installed disk to boot"),
  });
});
