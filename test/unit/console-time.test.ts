/** What time and resets say: silence, its blame, and boots that begin again. */
import { describe, expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, limits, until, watcherAt } from "./support/console.ts";

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
    // The time is that of the last byte, not that of the verdict.
    const last = { pattern: "no-output", blame: "image", stage: "kernel", sinceMs: 100 };
    expect(watcher.fatal).toMatchObject(last);
  });
  test.each(["firmware", "bootloader"] as const)(
    "nothing after the %s may be an image without console=, so nobody is blamed",
    (stage) => {
      for (const patience of [1, 3]) {
        const watcher = watcherAt(stage, { ...limits, patience });
        const facts = watcher.tick(120_100);
        expect(watcher.fatal).toMatchObject({
          pattern: "no-output",
          blame: "unknown",
          sinceMs: 100,
        });
        expect(facts).toContainEqual(
          expect.objectContaining({
            meaning: expect.stringContaining("it may have booted, but it says nothing"),
            howTo: expect.stringContaining("console=ttyS0"),
          }),
        );
      }
    },
  );
  test("a kernel's stub that speaks through the firmware does not show that the kernel has a serial console", () => {
    const watcher = watcherAt("bootloader");
    feed(watcher, "EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path\r\n");
    watcher.tick(200_000);
    expect(watcher.fatal).toMatchObject({ blame: "unknown", stage: "bootloader" });
  });
  test.each([
    "[  OK  ] Reached target Multi-User System.\r\n",
    "[  OK  ] Reached target \x1b[0;1;39mgraphical.target\x1b[0m - Graphical Interface.\r\n",
    "host login: ",
    "host login: [   58.573210] input: Power Button\r\n",
  ])("a system that is plainly up may be silent: %j", (text) => {
    const watcher = watcherAt("userspace");
    feed(watcher, text);
    watcher.tick(10_000_000);
    expect(watcher.fatal).toBeNull();
  });
  test("silence in user space does not show that the boot failed", () => {
    const watcher = watcherAt("userspace");
    feed(watcher, "[  OK  ] Started plymouth-start.service - Show Plymouth Boot Screen.\r\n");
    const facts = watcher.tick(200_000);
    expect(watcher.fatal).toMatchObject({ pattern: "no-output", blame: "unknown" });
    expect(facts).toContainEqual(
      expect.objectContaining({
        meaning: expect.stringContaining("it came as far as user space"),
        howTo: expect.stringMatching(/^enable sshd/),
      }),
    );
  });
  test.each([
    "[    0.512345] ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0], AE_NOT_FOUND\r\n",
    "[   18.512345] snd_hda_intel 0000:00:1b.0: no codecs found!\r\n",
  ])("a warning of a kernel that is told to be quiet does not prove anything: %j", (text) => {
    for (const patience of [1, 3]) {
      const watcher = watcherAt("bootloader", { ...limits, patience });
      feed(watcher, text);
      const facts = watcher.tick(1_000_000);
      expect(watcher.fatal).toMatchObject({ blame: "unknown", stage: "kernel" });
      expect(facts).toContainEqual(
        expect.objectContaining({ howTo: expect.stringContaining("leave 'quiet' out") }),
      );
    }
  });
  test.each([
    "[    0.512345] printk: bootconsole [earlyser0] disabled\r\n",
    "[    0.512345] printk: legacy bootconsole [uart8250] disabled\r\n",
  ])("a console for early messages that leaves does not prove anything: %j", (text) => {
    const watcher = watcherAt("kernel");
    feed(watcher, text);
    watcher.tick(200_000);
    expect(watcher.fatal).toMatchObject({ pattern: "no-output", blame: "unknown" });
    const goesOn = watcherAt("kernel");
    feed(goesOn, `${text}[    0.6] x: a console follows\r\n`);
    goesOn.tick(200_000);
    expect(goesOn.fatal).toMatchObject({ pattern: "no-output", blame: "image" });
  });
  test("where a screen can be looked at, it is asked first; one that changes begins the wait again", () => {
    const watcher = watcherAt("kernel", { ...limits, asksForScreen: true } as typeof limits);
    expect(watcher.tick(120_100)).toEqual([{ kind: "quiet" }]);
    expect(watcher.tick(121_000)).toEqual([]);
    watcher.looked(true, 125_000);
    expect(watcher.tick(244_000)).toEqual([]);
    expect(watcher.tick(245_000)).toEqual([{ kind: "quiet" }]);
    watcher.looked(false, 250_000);
    expect(watcher.fatal).toMatchObject({ pattern: "no-output", sinceMs: 100 });
  });
  test("an answer about the screen of an earlier boot is not heard", () => {
    const watcher = watcherAt("kernel", { ...limits, asksForScreen: true } as typeof limits);
    watcher.tick(120_100);
    watcher.rebooting(120_200);
    expect(watcher.looked(false, 125_000)).toEqual([]);
    expect(watcher.fatal).toBeNull();
  });
  test("a byte that comes while the screen is looked at ends the silence", () => {
    const watcher = watcherAt("kernel", { ...limits, asksForScreen: true } as typeof limits);
    watcher.tick(120_100);
    feed(watcher, "[  120.2] alive\r\n", 120_200);
    watcher.looked(false, 125_000);
    expect(watcher.fatal).toBeNull();
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
  test("returning to the firmware unasked begins again; three times before SSH is a loop", () => {
    const watcher = watcherAt("userspace");
    for (const round of [1, 2, 3]) {
      expect(watcher.fatal).toBeNull();
      feed(watcher, until.firmware, round * 10_000);
      feed(watcher, until.kernel, round * 10_000 + 100);
    }
    expect(fatalName(watcher)).toBe("reboot-loop");
  });
  test("a reset counts in whichever stage it comes: the third is a loop", () => {
    for (const stage of ["firmware", "bootloader", "kernel", "userspace"] as const) {
      const watcher = watcherAt(stage);
      for (const round of [1, 2]) {
        expect(watcher.reset(round * 50_000)).toContainEqual({ kind: "restarted", asked: false });
        feed(watcher, until.firmware, round * 50_000 + 10);
      }
      expect(watcher.fatal).toBeNull();
      watcher.reset(150_000);
      expect(fatalName(watcher)).toBe("reboot-loop");
    }
  });
  test("the machine's word and the firmware's lines are one restart, whichever comes first", () => {
    const watcher = watcherAt("userspace");
    for (const round of [1, 2]) {
      feed(watcher, until.firmware, round * 50_000);
      watcher.reset(round * 50_000 + 200);
      feed(watcher, until.kernel, round * 50_000 + 400);
    }
    expect(watcher.fatal).toBeNull();
    watcher.reset(150_000);
    feed(watcher, until.firmware, 150_100);
    expect(fatalName(watcher)).toBe("reboot-loop");
  });
  test.each([
    ["SeaBIOS (version 1.16.3-2.fc41)\r\n", "Booting from Hard Disk...\r\nWelcome to GRUB!\r\n"],
    [
      'BdsDxe: loading Boot0001 "Fedora"\r\n',
      'BdsDxe: starting Boot0001 "Fedora"\r\nReset System\r\n',
    ],
    ["U-Boot 2024.10\r\n", "Hit any key to stop autoboot:  0 \r\nresetting ...\r\n"],
  ])(
    "a firmware that begins again and again, without the machine's word, is a loop: %j",
    (firmware, loader) => {
      const watcher = new ConsoleWatcher(limits);
      watcher.powerOn(0);
      for (const round of [0, 1, 2, 3]) {
        expect(watcher.fatal).toBeNull();
        feed(watcher, firmware, round * 3000);
        feed(watcher, loader, round * 3000 + 100);
      }
      expect(fatalName(watcher)).toBe("reboot-loop");
    },
  );
  test("a firmware that goes through its boot options again after a failure has not restarted", () => {
    const watcher = new ConsoleWatcher(limits);
    watcher.powerOn(0);
    for (const round of [1, 2, 3, 4, 5])
      feed(
        watcher,
        'BdsDxe: loading Boot0001 "Fedora"\r\nBdsDxe: starting Boot0001 "Fedora"\r\nBdsDxe: failed to start Boot0001 "Fedora": Not Found\r\n',
        round * 100,
      );
    expect(watcher.fatal).toBeNull();
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
