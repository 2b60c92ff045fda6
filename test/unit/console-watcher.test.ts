import { describe, expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, limits, type Stage, watcherAt } from "./support/console.ts";

describe("a fatal line ends the boot at once", () => {
  test.each<[Stage, string, string]>([
    [
      "firmware",
      "BdsDxe: No bootable option or device was found.\r\n",
      "firmware-no-bootable-device",
    ],
    ["firmware", "No bootable device.\r\n", "firmware-no-bootable-device"],
    ["firmware", "\x1b[2J\x1b[01;01HUEFI Interactive Shell v2.2\r\n", "uefi-shell"],
    ["firmware", "!!!! X64 Exception Type - 0D(#GP)\r\n", "firmware-exception"],
    ["bootloader", "Synchronous Exception at 0x000000007F0B7E94\r\n", "firmware-exception"],
    [
      "firmware",
      "Firmware error: start4.elf: is not compatible with this board\r\n",
      "raspberry-pi-firmware",
    ],
    ["bootloader", "error: no such partition.\r\nEntering rescue mode...\r\n", "grub-rescue"],
    ["bootloader", "grub rescue> ", "grub-rescue"],
    ["bootloader", "\x1b[5;1Hgrub> ", "grub-shell"],
    [
      "kernel",
      "[    2.500000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
      "kernel-no-root",
    ],
    [
      "kernel",
      "[    2.500000][    T1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n",
      "kernel-panic",
    ],
    [
      "userspace",
      "[   99.000001] Kernel panic - not syncing: sysrq triggered crash\r\n",
      "kernel-panic",
    ],
    [
      "userspace",
      "[   42.100000] BUG: unable to handle page fault for address: ffffffff\r\n",
      "kernel-oops",
    ],
    ["userspace", "[   42.100000] Oops: Oops: 0002 [#1] SMP NOPTI\r\n", "kernel-oops"],
    [
      "initrd",
      "Give root password for maintenance\r\n(or press Control-D to continue): ",
      "emergency-shell",
    ],
    ["initrd", "Press Enter for maintenance", "emergency-shell"],
    [
      "userspace",
      'You are in emergency mode. After logging in, type "journalctl -xb"\r\n',
      "emergency-shell",
    ],
    [
      "initrd",
      "[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39memergency.target\x1b[0m - Emergency Mode.\r\n",
      "emergency-target",
    ],
    ["initrd", "[   10.000000] dracut: Refusing to continue\r\n", "dracut-refused"],
    [
      "initrd",
      "[   10.000000] dracut-initqueue[377]: Warning: /dev/disk/by-label/root does not exist\r\n",
      "dracut-refused",
    ],
    [
      "initrd",
      "[   10.000000] ostree-prepare-root[401]: error: composefs: failed to mount: No such file\r\n",
      "prepare-root",
    ],
    [
      "initrd",
      "[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mostree-prepare-root.service\x1b[0m - OSTree Prepare OS/.\r\n",
      "prepare-root",
    ],
    [
      "initrd",
      "[\x1b[0;1;31mFAILED\x1b[0m] Failed to mount \x1b[0;1;39msysroot.mount\x1b[0m - /sysroot.\r\n",
      "root-mount-failed",
    ],
    [
      "initrd",
      "[\x1b[0;1;33mDEPEND\x1b[0m] Dependency failed for \x1b[0;1;39minitrd-root-fs.target\x1b[0m - Initrd Root File System.\r\n",
      "root-mount-failed",
    ],
    [
      "userspace",
      "[DEPEND] Dependency failed for local-fs.target - Local File Systems.\r\n",
      "local-file-systems-failed",
    ],
    [
      "userspace",
      "[   9.000000] systemd[1]: foo.service: Found ordering cycle: bar.service/start after foo.service/start\r\n",
      "ordering-cycle",
    ],
    ["initrd", "[!!!!!!] Failed to mount API filesystems.\r\n", "switch-root-failed"],
  ])("%s: %s", (stage, text, name) => {
    const watcher = watcherAt(stage);
    const facts = feed(watcher, text);
    expect(fatalName(watcher)).toBe(name);
    expect(facts.filter(({ kind }) => kind === "fatal")).toHaveLength(1);
    expect(watcher.fatal?.blame).toBe("image");
    expect(watcher.fatal?.line).not.toMatch(/\x1b/);
  });
});

describe("a line that only looks fatal ends nothing", () => {
  test.each<[Stage, string]>([
    ["userspace", "error: no such partition.\r\n"],
    ["userspace", "motd: Kernel panic - not syncing is what we test here\r\n"],
    ["userspace", "[   50.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!\r\n"],
    ["userspace", "[   50.000000] Memory cgroup out of memory: Killed process 7 (x)\r\n"],
    ["userspace", "[FAILED] Failed to mount mnt-data.mount - /mnt/data.\r\n"],
    ["userspace", "[DEPEND] Dependency failed for foo.service - Foo.\r\n"],
    ["kernel", "[    0.100000] Kernel command line: panic=10 emergency rd.shell\r\n"],
    ["bootloader", "error: file `/boot/grub2/fonts/unicode.pf2' not found.\r\n"],
    ["initrd", "[  3.000000] systemd[1]: Dependency failed for dev-tpm0.device - /dev/tpm0.\r\n"],
  ])("%s: %s", (stage, text) => {
    const watcher = watcherAt(stage);
    feed(watcher, text);
    watcher.tick(100_000);
    expect(fatalName(watcher)).toBeNull();
  });
});

test("a machine's own word counts like a line", () => {
  const watcher = watcherAt("kernel");
  watcher.machineSaid("powered-off", "the guest switched itself off", 900);
  expect(watcher.fatal).toMatchObject({ pattern: "powered-off", stage: "kernel", sinceMs: 900 });
});

test("the fatal line says where it is in the log", () => {
  const watcher = new ConsoleWatcher(limits);
  watcher.powerOn(0);
  feed(watcher, "a\nb\n[    1.000000] Kernel panic - not syncing: x\n", 5);
  expect(watcher.fatal).toMatchObject({
    lineNumber: 3,
    line: "[    1.000000] Kernel panic - not syncing: x",
  });
});
