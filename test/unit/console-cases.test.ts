/** Consoles from public reports and the right answer to each. */

import { describe, expect, test } from "vitest";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import { consolePatience, timeScaleOf } from "../../harness/machine/profile.ts";
import { limits } from "./support/console.ts";
import { playCase } from "./support/console-player.ts";

const emulated = consolePatience(timeScaleOf("tcg"));

describe.each([
  ["hardware", limits],
  ["emulation", defaultLimits(emulated)],
])("on %s", (_, options) => {
  test.each([
    ["01-ordering-cycle", "ordering-cycle", "userspace", /^\[ SKIP \] Ordering cycle found/],
    ["02-interleaved-oops", "kernel-oops", "initrd", /^\[ {4}3\.412345\] BUG: kernel NULL/],
    ["02-oops-interleaved", "kernel-oops", "userspace", /^\[ {4}3\.412345\] BUG: kernel NULL/],
    ["06-efistub", "efi-stub-error", "bootloader", /^EFI stub: ERROR: Failed to allocate/],
    ["06-efistub-grub", "efi-stub-error", "bootloader", /^EFI stub: ERROR: Failed to decompress/],
    ["20-interleaved-prepare-root", "prepare-root", "initrd", /ostree-prepare-root\[297\]/],
    ["20-composefs-mount", "prepare-root", "initrd", /composefs: failed to mount/],
    ["25-sdboot-assert", "boot-assertion", "bootloader", /Assertion 'prefix' failed/],
  ])("%s is fatal: %s", (name, pattern, stage, line) => {
    const { watcher } = playCase(name, options);
    expect(watcher.fatal).toMatchObject({ pattern, stage, blame: "image" });
    expect(watcher.fatal?.line).toMatch(line);
  });

  test.each(["04-grub-syntax", "22-firstboot-reboot2", "22-fp-stub64k", "22-ok-healthy-prepare"])(
    "%s is healthy",
    (name) => {
      const { watcher } = playCase(name, options);
      // Silence at a login prompt is what a healthy system keeps.
      watcher.tick(600_000);
      expect(watcher.fatal).toBeNull();
    },
  );

  test.each(["07-fallback", "07-reset-bios"])("%s is a loop, told at the third reset", (name) => {
    const { watcher, fatalAtS } = playCase(name, options);
    expect(watcher.fatal).toMatchObject({ pattern: "reboot-loop", blame: "image" });
    expect(fatalAtS).toBeLessThan(10);
  });
});

test("a boot loader's failure is told within its grace, not when silence ends", () => {
  for (const name of ["06-efistub", "06-efistub-grub"])
    expect(playCase(name).fatalAtS).toBeLessThanOrEqual(20);
});

test.each([
  ["hardware", limits, 40],
  ["emulation", defaultLimits(emulated), 120],
])(
  "on %s a passphrase prompt ends the boot, with the time when it came, and stays to be seen",
  (_, options, atS) => {
    const { watcher, fatalAtS } = playCase("08-luks", options);
    expect(watcher.fatal).toMatchObject({
      pattern: "passphrase-prompt",
      sinceMs: 0,
      stage: "initrd",
    });
    expect(watcher.fatal?.line).toMatch(/^Please enter passphrase for disk QEMU_HARDDISK/);
    expect(fatalAtS).toBe(atS);
    const tail = watcher.rows.last(5);
    expect(tail.filter((line) => line.includes("A start job is running"))).toHaveLength(1);
    expect(tail.filter((line) => line.includes("Please enter passphrase"))).toHaveLength(1);
  },
);

test("an Ignition that cannot fetch is named, and is not the image's fault in a closed network", () => {
  const { watcher, fatalAtS } = playCase("25-ignition-loop", defaultLimits(emulated));
  expect(watcher.fatal).toMatchObject({ pattern: "ignition-fetch", blame: "unknown" });
  expect(fatalAtS).toBeLessThan(120);
});

test("systemd-boot's menu without a countdown is named; how long it stood proves nothing under emulation", () => {
  expect(playCase("25-sdboot-menu").watcher.fatal).toMatchObject({
    pattern: "systemd-boot-menu",
    blame: "image",
  });
  expect(playCase("25-sdboot-menu", defaultLimits(3)).watcher.fatal).toMatchObject({
    pattern: "systemd-boot-menu",
    blame: "unknown",
  });
});
