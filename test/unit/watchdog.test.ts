/** The watchdog: it ends what stands still, and nothing that moves. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { noSpaceIn, whyFull } from "../../harness/base/no-space.ts";
import { startWatchdog } from "../../harness/states/build/watchdog.ts";

beforeEach(
  () => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }),
);
afterEach(() => void vi.useRealTimers());

test("work that changes is left alone, and ends by the limit once it stands still", async () => {
  let grown = 0;
  using dog = startWatchdog({
    limitMs: 60_000,
    look: async () => String(grown),
    reason: () => new Error("it stood still"),
  });
  for (let minute = 0; minute < 10; minute++) {
    grown++;
    await vi.advanceTimersByTimeAsync(50_000);
  }
  expect(dog.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(62_000);
  expect(dog.signal.reason).toEqual(new Error("it stood still"));
});

test("a look that fails is not a sign of life", async () => {
  using dog = startWatchdog({
    limitMs: 60_000,
    look: async () => {
      throw new Error("the file is gone");
    },
    reason: () => new Error("it stood still"),
  });
  await vi.advanceTimersByTimeAsync(62_000);
  expect(dog.signal.aborted).toBe(true);
});

test("what makes work hopeless ends it at once, by its name", async () => {
  const full = noSpaceIn("/a/cache", "The disk that holds '/a/cache' is full.");
  let answer: Error | null = null;
  using dog = startWatchdog({
    limitMs: 60_000,
    look: async () => "",
    whyHopeless: async () => answer,
    reason: () => new Error("it stood still"),
  });
  await vi.advanceTimersByTimeAsync(5000);
  expect(dog.signal.aborted).toBe(false);
  answer = full;
  await vi.advanceTimersByTimeAsync(1000);
  expect(dog.signal.reason).toBe(full);
  expect(String(full)).toMatch(
    /is full\.[\s\S]*to do +free space on the disk that holds '\/a\/cache'/,
  );
});

test("a disk with space, a file system without a size and a folder that is not there are not full", async () => {
  expect(await Promise.all(["/", "/proc", "/nowhere"].map(whyFull))).toEqual([null, null, null]);
});
