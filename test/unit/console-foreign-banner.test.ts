/** A kernel's first words, when it says them and when a program repeats them. */
import { describe, expect, test } from "vitest";
import type { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { feed, until, watcherAt } from "./support/console.ts";

const words = "Linux version 6.12.9-200.fc41.x86_64 (mockbuild@x) #1 SMP\r\n";
const restarts = (watcher: ConsoleWatcher, text: string, atMs = 20_000): number =>
  feed(watcher, text, atMs).filter(({ kind }) => kind === "restarted").length;

describe("a banner without a stamp, after lines that had one", () => {
  test("is a program's: no restart, however often", () => {
    const watcher = watcherAt("userspace");
    for (const n of [1, 2, 3, 4]) {
      expect(restarts(watcher, `${words}\r\nhost login: \r\n`, n * 20_000)).toBe(0);
      expect(restarts(watcher, "Booting Linux on physical CPU 0x0\r\n", n * 20_000)).toBe(0);
    }
    expect(watcher.fatal).toBeNull();
    expect(watcher.stage).toBe("userspace");
  });
  test("does not make silence the kernel's", () => {
    const watcher = watcherAt("userspace");
    feed(watcher, words, 11_000);
    watcher.tick(200_000);
    expect(watcher.fatal).toMatchObject({
      pattern: "no-output",
      blame: "unknown",
      stage: "userspace",
    });
  });
  test("tells nothing of a guest that answered", () => {
    const watcher = watcherAt("userspace");
    watcher.sshAnswered(12_000);
    expect(restarts(watcher, words)).toBe(0);
    expect(watcher.stage).toBe("ssh");
  });
  test("does not begin the boot that was asked for", () => {
    const watcher = watcherAt("userspace");
    watcher.sshAnswered(12_000);
    watcher.rebooting(13_000);
    expect(restarts(watcher, words)).toBe(0);
    expect(watcher.stage).toBe("off");
    expect(restarts(watcher, until.kernel)).toBe(1);
    expect(watcher.stage).toBe("kernel");
  });
  test("does not show a kernel where a firmware speaks", () => {
    const watcher = watcherAt("initrd");
    feed(watcher, "Linux version 6 is unpacked\r\n");
    expect(watcher.stage).toBe("initrd");
  });
});

describe("a restart is told", () => {
  test("by a banner with its stamp", () => {
    const watcher = watcherAt("userspace");
    expect(restarts(watcher, `[    0.000000] ${words}`)).toBe(1);
    expect(watcher.stage).toBe("kernel");
  });
  test("by one that lost the head of its stamp", () => {
    expect(restarts(watcherAt("userspace"), `  0.000000] ${words}`)).toBe(1);
  });
  test("by a bare one of a kernel that stamps nothing (printk.time=0)", () => {
    const watcher = watcherAt("bootloader");
    feed(watcher, `${words}\r\nWelcome to Fedora Linux 43!\r\n`);
    expect(watcher.stage).toBe("userspace");
    for (const n of [1, 2, 3])
      expect(restarts(watcher, `${words}\r\nWelcome to Fedora Linux 43!\r\n`, n * 20_000)).toBe(1);
    expect(watcher.fatal).toMatchObject({ pattern: "reboot-loop", blame: "image" });
  });
  test.each([
    "[   60.100000] reboot: Restarting system\r\n",
    "[   60.1][    T1] reboot: machine restart\r\n",
    "[   60.100000] kexec_core: Starting new kernel\r\n",
    'BdsDxe: loading Boot0001 "UEFI Misc Device"\r\n',
  ])("by a bare one behind what ends a boot whose kernel did stamp: %j", (end) => {
    for (const asked of [true, false]) {
      const watcher = watcherAt("userspace");
      watcher.sshAnswered(12_000);
      if (asked) watcher.rebooting(13_000);
      expect(restarts(watcher, end + words)).toBe(1);
      expect(watcher.stage).toBe("kernel");
    }
  });
  test("by a bare one behind a reset that the machine tells", () => {
    const watcher = watcherAt("userspace");
    watcher.reset(13_000);
    feed(watcher, words, 14_000);
    expect(watcher.stage).toBe("kernel");
  });
});
