import { describe, expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, limits, type Stage, until, watcherAt } from "./support/console.ts";

describe("a fatal line ends the boot at once", () => {
  test.each<[Stage, string, string]>([
    [
      "firmware",
      "BdsDxe: No bootable option or device was found.\r\n",
      "firmware-no-bootable-device",
    ],
    ["firmware", "No bootable device.\r\n", "firmware-no-bootable-device"],
    ["firmware", "\x1b[2J\x1b[01;01HUEFI Interactive Shell v2.2\r\n", "uefi-shell"],
    [
      "firmware",
      'BdsDxe: failed to load Boot0001 "x" from PciRoot(0x0): Access Denied\r\n',
      "secure-boot-refused",
    ],
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
      "bootloader",
      "error: ../../grub-core/loader/i386/efi/linux.c:208:you need to load the kernel first.\r\n",
      "grub-no-kernel",
    ],
    ["bootloader", "error: syntax error.\r\n", "grub-no-kernel"],
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
      "userspace",
      "[   80.000000] Out of memory: Killed process 411 (dnf5) total-vm:1kB\r\n",
      "out-of-memory",
    ],
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

describe("doubtful lines", () => {
  test("a GRUB error is fatal when nothing follows, and forgotten when the kernel does", () => {
    const stuck = watcherAt("bootloader");
    feed(stuck, "error: no server is specified.\r\n", 1000);
    expect(fatalName(stuck)).toBeNull();
    stuck.tick(15_999);
    expect(fatalName(stuck)).toBeNull();
    stuck.tick(16_000);
    expect(stuck.fatal).toMatchObject({
      pattern: "grub-error",
      line: "error: no server is specified.",
      stage: "bootloader",
      sinceMs: 1000,
    });

    const fine = watcherAt("bootloader");
    feed(fine, "error: no server is specified.\r\n", 1000);
    feed(fine, until.kernel, 2000);
    fine.tick(60_000);
    expect(fatalName(fine)).toBeNull();
  });

  test("patience stretches the grace on a slow machine", () => {
    const watcher = watcherAt("bootloader", { ...limits, patience: 3 });
    feed(watcher, "error: no server is specified.\r\n", 0);
    watcher.tick(44_000);
    expect(fatalName(watcher)).toBeNull();
    watcher.tick(45_000);
    expect(fatalName(watcher)).toBe("grub-error");
  });
});

describe("silence", () => {
  test("a console that never said a byte is the host's fault", () => {
    const watcher = new ConsoleWatcher(limits);
    watcher.powerOn(0);
    watcher.tick(29_999);
    expect(watcher.fatal).toBeNull();
    watcher.tick(30_000);
    expect(watcher.fatal).toMatchObject({ pattern: "silent", blame: "host" });
  });
  test("a boot that stops talking is the image's", () => {
    const watcher = watcherAt("kernel");
    watcher.tick(120_099);
    expect(watcher.fatal).toBeNull();
    watcher.tick(120_100);
    expect(watcher.fatal).toMatchObject({ pattern: "no-output", blame: "image", stage: "kernel" });
  });
  test("a guest that answers on SSH, a fork at rest and a machine without power may be silent", () => {
    const answered = watcherAt("userspace");
    answered.sshAnswered(200);
    const fork = new ConsoleWatcher(limits);
    expect(fork.resume(0)).toHaveLength(1);
    const off = watcherAt("kernel");
    off.powerOff();
    for (const watcher of [answered, fork, off]) {
      watcher.tick(10_000_000);
      expect(watcher.fatal).toBeNull();
    }
  });
});

describe("restarts", () => {
  test("an asked reboot keeps the old stages out until the new boot speaks", () => {
    const watcher = watcherAt("userspace");
    watcher.sshAnswered(5000);
    watcher.rebooting(10_000);
    expect(watcher.stage).toBe("off");
    feed(
      watcher,
      "[  OK  ] Reached target Graphical Interface.\r\n[  70.000000] reboot: Restarting system\r\n",
      11_000,
    );
    expect(watcher.stage).toBe("off");
    feed(watcher, until.firmware, 12_000);
    expect(watcher.stages).toEqual([{ stage: "firmware", sinceMs: 0 }]);
    feed(watcher, until.kernel, 15_000);
    expect(watcher.stages.at(-1)).toEqual({ stage: "kernel", sinceMs: 3000 });
  });
  test("a panic while shutting down is still seen", () => {
    const watcher = watcherAt("userspace");
    watcher.rebooting(10_000);
    feed(watcher, "[  70.000000] Kernel panic - not syncing: Fatal exception\r\n", 11_000);
    expect(fatalName(watcher)).toBe("kernel-panic");
  });
  test("returning to the firmware unasked begins anew; three times before SSH is a loop", () => {
    const watcher = watcherAt("userspace");
    for (const round of [1, 2, 3]) {
      expect(watcher.fatal).toBeNull();
      feed(watcher, until.firmware, round * 10_000);
      feed(watcher, until.kernel, round * 10_000 + 100);
    }
    expect(fatalName(watcher)).toBe("reboot-loop");
  });
  test("a reset said by the machine before the kernel ran is the firmware's own", () => {
    const watcher = watcherAt("firmware");
    expect(watcher.reset(50)).toEqual([]);
    expect(watcher.stage).toBe("firmware");
  });
  test("an initramfs that starts itself again and again is a loop", () => {
    const watcher = watcherAt("initrd");
    for (let round = 0; round < 4; round++)
      feed(
        watcher,
        "[    4.1] systemd[1]: Switching root.\r\n[    4.2] systemd[1]: Running in initrd.\r\n",
      );
    expect(fatalName(watcher)).toBe("switch-root-loop");
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
