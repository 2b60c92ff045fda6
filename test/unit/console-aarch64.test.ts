/** What AAVMF, GRUB for arm64 and a kernel of ARM say, as recorded. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, limits, order } from "./support/console.ts";

const recorded = readFileSync(
  new URL("../../fixtures/transcripts/console-aarch64-uefi.txt", import.meta.url),
);
const body = recorded.subarray(recorded.indexOf("\n", recorded.indexOf("\n") + 1) + 1);

test.each([1, 4096, 1_000_000])(
  "every stage is reached without an alarm, %i bytes at a time",
  (step) => {
    const watcher = new ConsoleWatcher(limits);
    watcher.powerOn(0);
    for (let at = 0; at < body.length; at += step) {
      watcher.feed(body.subarray(at, at + step), at / 1000);
      watcher.tick(at / 1000);
    }
    expect(watcher.fatal).toBeNull();
    expect(watcher.stages.map(({ stage }) => stage)).toEqual(order);
  },
);

test("a serial port of a PC that GRUB does not find is not what a silence after it is called by", () => {
  const cut = body.indexOf("GNU GRUB");
  expect(body.subarray(0, cut).toString("latin1")).toContain("serial port `com0' isn't found");
  const watcher = new ConsoleWatcher(limits);
  watcher.powerOn(0);
  watcher.feed(body.subarray(0, cut), 1);
  for (const at of [30_000, 90_000, 10_000_000]) watcher.tick(at);
  expect(fatalName(watcher)).not.toBe("grub-error");
});
