import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, limits, order, watcherAt } from "../unit/support/console.ts";
import { processorMs } from "../unit/support/processor-time.ts";

describe("hostile output", () => {
  test("bytes one at a time are understood like any other", () => {
    const watcher = watcherAt("bootloader");
    for (const byte of Buffer.from("\x1b[1;1H\x1b[0mgrub rescue> "))
      watcher.feed(Buffer.from([byte]), 1);
    expect(fatalName(watcher)).toBe("grub-rescue");
  });
  test("a line without end keeps no memory and hides nothing", () => {
    const watcher = watcherAt("userspace");
    const before = process.memoryUsage().heapUsed;
    const noise = Buffer.alloc(1024 * 1024, "x");
    for (let n = 0; n < 60; n++) watcher.feed(noise, 1);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 1024 * 1024);
    feed(watcher, "\n[    9.000000] Kernel panic - not syncing: after the noise\n");
    expect(fatalName(watcher)).toBe("kernel-panic");
    expect(watcher.rows.last(1000).every((line) => line.length <= 500)).toBe(true);
  });
  test("10 MB of lines that nearly match are read in a second", () => {
    const watcher = watcherAt("userspace");
    const line =
      "[   12.345678] systemd[1]: Kernel pani \x1b[0;32mOK\x1b[0m error: Failed to mount nothing dracut\r\n";
    const chunk = Buffer.from(line.repeat(Math.ceil((1024 * 1024) / line.length)));
    const took = processorMs(() => {
      for (let n = 0; n < 10; n++) watcher.feed(chunk, 1);
    });
    expect(took).toBeLessThan(1000);
    expect(watcher.fatal).toBeNull();
  });
  test("long runs that invite backtracking stay linear", () => {
    const watcher = watcherAt("bootloader");
    const pieces = ["error: ", " ", "[ ", "Welcome to ", "\x1b[", "dracut-a", "Reached target - "];
    const took = processorMs(() => {
      for (const piece of pieces) feed(watcher, `${piece.repeat(200_000 / piece.length)}\n`);
    });
    expect(took).toBeLessThan(2000);
  });
  test("binary is survived", () => {
    const watcher = watcherAt("kernel");
    const bytes = Buffer.from(Array.from({ length: 65_536 }, (_, n) => (n * 7919) % 256));
    for (let n = 0; n < 20; n++) watcher.feed(bytes, 1);
    expect(watcher.rows.last(400).join("")).not.toMatch(/[\x00-\x08\x1b]/);
  });
});

describe.each(["uefi", "bios"])("a recorded healthy boot (%s)", (firmware) => {
  const recorded = readFileSync(
    new URL(`../../fixtures/transcripts/console-reference-${firmware}.txt`, import.meta.url),
  );
  const body = recorded.subarray(recorded.indexOf("\n", recorded.indexOf("\n") + 1) + 1);

  test.each([1, 7, 4096, 1_000_000])(
    "raises no alarm and reaches every stage, %i bytes at a time",
    (step) => {
      const watcher = new ConsoleWatcher(limits);
      watcher.powerOn(0);
      for (let at = 0; at < body.length; at += step) {
        watcher.feed(body.subarray(at, at + step), at / 1000);
        watcher.tick(at / 1000);
      }
      watcher.tick(100_000);
      expect(watcher.fatal).toBeNull();
      expect(watcher.stages.map(({ stage }) => stage)).toEqual(order);
    },
  );

  test("is in its initramfs until the root is switched, and in user space after", () => {
    const watcher = new ConsoleWatcher(limits);
    watcher.powerOn(0);
    const cut = body.indexOf("initrd-switch-root.service");
    watcher.feed(body.subarray(0, cut), 1);
    expect(watcher.stage).toBe("initrd");
    watcher.feed(body.subarray(cut), 2);
    expect(watcher.stage).toBe("userspace");
  });

  test("is judged at once when a panic is put into it, wherever", () => {
    const lines = body.toString("latin1").split("\n");
    for (const at of [20, Math.floor(lines.length / 2), lines.length - 3]) {
      const watcher = new ConsoleWatcher(limits);
      watcher.powerOn(0);
      const panic = "[   77.000000] Kernel panic - not syncing: put in by the test\r";
      feed(watcher, lines.toSpliced(at, 0, panic).join("\n"));
      expect(fatalName(watcher)).toBe("kernel-panic");
    }
  });
});
