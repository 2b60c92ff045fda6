/** A console that lies on a full disk seems silent: what ran out of time then is the host's fault. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HostUnfit, outcomeOf } from "../../harness/base/errors.ts";
import { hostSince, sampleHost } from "../../harness/base/host-health.ts";
import { whyFullNow } from "../../harness/base/no-space.ts";
import { byTime } from "../../harness/guest/reach-words.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { logUnderLoad, until } from "./support/console.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(fs, "statfsSync").mockReturnValue({
    type: 0,
    bsize: 4096,
    blocks: 1000,
    bfree: 3,
    bavail: 3,
    files: 0,
    ffree: 0,
  });
  syncBuiltinESMExports();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

async function ended(said: string, forMs: number): Promise<unknown> {
  const log = logUnderLoad(0);
  log.poweredOn();
  log.feed(Buffer.from(said));
  await vi.advanceTimersByTimeAsync(forMs);
  log.poweredOff();
  return log.fatal.catch((error: unknown) => error);
}

test.each([
  ["a kernel that goes silent", until.kernel],
  ["a boot loader that goes silent", until.bootloader],
  ["a console that never says a byte", ""],
  [
    "a doubtful line whose grace ends",
    `${until.bootloader}BdsDxe: failed to start Boot0001 "Fedora": Not Found\r\n`,
  ],
])("%s", async (_, said) => {
  const error = await ended(said, 300_000);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(outcomeOf(error).kind).toBe("broken");
  expect(String(error)).toMatch(
    /Guest 'vm' cannot be judged: the disk that holds its console is full\.[\s\S]*to do +free space/,
  );
});

test("a line after which nothing can follow was seen, so the image stays to blame", async () => {
  const panic = `${until.kernel}[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n`;
  expect(outcomeOf(await ended(panic, 60_000)).kind).toBe("failed");
});

test("whatever else of a guest ran out of time", () => {
  const host = hostSince(sampleHost(), { plannedMs: 0, guestIsHere: false, log: "/runs/1/vm.log" });
  expect(host.isWell).toBe(false);
  const console = { stage: "kernel", path: "/runs/1/vm.log" } as Machine["console"];
  for (const timeScale of [1, 3]) {
    const error = byTime("It is late.", { machine: { console }, timeScale, host } as never, {});
    expect(error).toBeInstanceOf(HostUnfit);
    expect(error.headline).toBe("The disk that holds '/runs/1' is full.");
  }
});

test("a disk with space and a folder that is not there are not full", () => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  expect(["/", "/proc", "/nowhere"].map(whyFullNow)).toEqual([null, null, null]);
});
