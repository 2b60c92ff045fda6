/** Frightening words that mean nothing: quotes, names of other units, settings, paths. */
import { expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, limits, type Stage, watcherAt } from "./support/console.ts";

const stages: readonly Stage[] = ["initrd", "userspace"];

test.each([
  "motd: Kernel panic - not syncing is what we test here\r\n",
  `[   12.3] audit: type=1130 msg='unit="[    3.412345] BUG: unable to handle page fault for address: ffffffff" res=failed'\r\n`,
  `[   12.3] myapp[7]: "[    3.412345] Kernel panic - not syncing: quoted"\r\n`,
  "[   12.3] myapp[7]: found a kernel BUG: in the log\r\n",
  "[    0.1] Command line: panic=30 BUG: systemd.unit=emergency.target rd.emergency=poweroff\r\n",
  "[    0.1] Kernel command line: root=/dev/vda3 ordering cycle Oops: 1\r\n",
  "[    6.5] ACPI BIOS Error (bug): Could not resolve symbol [\\_SB], AE_NOT_FOUND\r\n",
  "[    6.5] [Firmware Bug]: TSC doesn't count with P0 frequency!\r\n",
  "[   50.0] BUG: workqueue lockup - pool cpus=0 stuck for 40s!\r\n",
  "[  OK  ] Started my-emergency.service - Emergency Mode of the door.\r\n",
  "[  OK  ] Started door.service - Emergency Shell for the door.\r\n",
  "[  OK  ] Reached target door.target - Rescue Mode.\r\n",
  "[DEPEND] Dependency failed for extra.target - Local File Systems of extra disks.\r\n",
  "[   12.3] ostree-prepare-root[675]: Resolved OSTree target to: /sysroot/ostree/deploy/error-os/x.0\r\n",
  "[   12.3] checker[9]: systemd[1]: a.service: Found ordering cycle on b.service/start\r\n",
  "[   12.3] systemd[1234]: a.service: Found ordering cycle on b.service/start\r\n",
  "[   12.3] systemd[11]: a.service: Job b.service/start deleted to break ordering cycle\r\n",
  "<30>systemd[1234]: Reached target emergency.target - Emergency Mode.\r\n",
  "[   12.3] checker[9]: systemd[1]: Reached target Emergency Mode.\r\n",
  "[   12.3] Something about retpoline; [#1]: y\r\n",
  "[   12.3] bootc-root-setup[675]:  INFO no error was found\r\n",
  "[   12.3] myapp: closes the report [#1]\r\n",
  "Installed 3 packages. Is this ok [y/N]: is what dnf5 asks\r\n",
  "[   12.3] systemd[1]: emergency.service: Skipped because of an unmet condition\r\n",
  "[   12.3] myapp[7]: Reached target emergency.target - Emergency Mode.\r\n",
  "The manual says: Ordering cycle found, skipping means that a unit was dropped\r\n",
  "motd: Please enter passphrase for disk is what the boot asks\r\n",
  "[  OK  ] Finished initrd-switch-root.service - Switch Root.\r\n",
])("no alarm: %j", (text) => {
  for (const stage of stages) {
    const watcher = watcherAt(stage);
    feed(watcher, text);
    watcher.tick(100_000);
    expect(fatalName(watcher), stage).toBeNull();
  }
});

const programs = [
  "Oops: no cloud metadata found, going on",
  "BUG: report bugs at https://bugs.example.org",
  "Internal error: cannot reach update server, will retry",
  "ALERT! disk quota does not exist",
  "sulogin: not used",
  "Welcome to emergency mode! (training image)",
];

test.each([...programs, "Kernel panic - not syncing: what the manual is about", "Kernel BUG [#1]"])(
  "no alarm from a program, where the kernel's own messages have stamps: %j",
  (text) => {
    for (const stage of stages) {
      const watcher = watcherAt(stage);
      feed(watcher, `${text}\r\n`);
      watcher.tick(100_000);
      expect(fatalName(watcher), stage).toBeNull();
    }
  },
);

test.each(programs)("nor where they have none (printk.time=0): %j", (text) => {
  const watcher = new ConsoleWatcher(limits);
  watcher.powerOn(0);
  feed(watcher, `Linux version 6.12\r\nWelcome to Fake OS!\r\n${text}\r\n`);
  expect(fatalName(watcher)).toBeNull();
});

test.each([
  ["kernel-panic", "Kernel panic - not syncing: Attempted to kill init!"],
  ["kernel-oops", "BUG: kernel NULL pointer dereference, address: 0000000000000010"],
  ["kernel-oops", "Internal error: Oops: 96000004 [#1] SMP"],
  ["kernel-oops", "Oops: Kernel access of bad area, sig: 11 [#1]"],
])("a kernel without stamps is still heard: %s, %s", (name, text) => {
  const watcher = new ConsoleWatcher(limits);
  watcher.powerOn(0);
  feed(watcher, `Linux version 6.12\r\nWelcome to Fake OS!\r\n${text}\r\n`);
  expect(fatalName(watcher)).toBe(name);
});

test("stamps of an earlier boot say nothing of the next one", () => {
  const watcher = watcherAt("userspace");
  watcher.reset(2000);
  feed(watcher, "Linux version 6.12\r\nKernel panic - not syncing: x\r\n", 3000);
  expect(fatalName(watcher)).toBe("kernel-panic");
});

test("a shell of the initramfs is none once the real root is there", () => {
  for (const text of ["(initramfs) ", "Gave up waiting for root device.\r\n"]) {
    const watcher = watcherAt("userspace");
    feed(watcher, text);
    expect(fatalName(watcher)).toBeNull();
  }
});
