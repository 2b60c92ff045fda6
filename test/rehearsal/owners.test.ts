/** Who owns what while jobs run side by side: a share of the host outlives its machines, a fault in one job the others' ends. */
import { describe, expect, test } from "vitest";
import { scenario } from "../../harness/index.ts";
import { changed, keepingDriver, withMachines } from "./machines.ts";
import { passes, play, story } from "./play.ts";

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
