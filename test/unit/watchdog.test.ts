/** The watchdog: it ends what stands still, and nothing that moves. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
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

test("a look that fails is no sign of life", async () => {
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
