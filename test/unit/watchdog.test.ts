/** The watchdog: it ends what stands still, and nothing that moves. */
import type { StatsFs } from "node:fs";
import { statfs } from "node:fs/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { startWatchdog } from "../../harness/states/build/watchdog.ts";

vi.mock("node:fs/promises", async (original) => ({
  ...(await original<typeof import("node:fs/promises")>()),
  statfs: vi.fn(),
}));

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

test("a disk that is full ends work at once, as the host's fault: QEMU would let it stand still", async () => {
  vi.mocked(statfs).mockResolvedValueOnce({ bavail: 3, bsize: 4096 } as StatsFs);
  using dog = startWatchdog({
    limitMs: 60_000,
    look: async () => "",
    writesTo: "/a/cache",
    reason: () => new Error("it stood still"),
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(dog.signal.reason).toBeInstanceOf(HostUnfit);
  expect(String(dog.signal.reason)).toMatch(
    /The disk that holds '\/a\/cache' is full[\s\S]*free space/,
  );
});
