/** Signs of life after a doubtful line, and a boot menu that needs a key. */
import { describe, expect, test } from "vitest";
import type { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { feed, limits, until, watcherAt } from "./support/console.ts";
import { play } from "./support/console-player.ts";

describe("signs of life", () => {
  const kernelGone = "error: file `/vmlinuz-6.1' not found.";
  const count = (from: number): string =>
    Array.from(
      { length: from },
      (_, n) =>
        `#@ nonl \\e[29;01H   The highlighted entry will be executed automatically in ${from - n}s.\n#@ +1`,
    ).join("\n");

  test("a menu that counts down for minutes keeps an error from ending the boot", () => {
    const { watcher } = play(
      `Welcome to GRUB!\n${kernelGone}\n#@ +8\n${count(120)}\n  Booting \`fallback'\n#@ +30`,
    );
    expect(watcher.fatal).toBeNull();
  });
  test("after the countdown the kernel that is missing still is", () => {
    const { watcher } = play(
      `Welcome to GRUB!\n${count(5)}\n  Booting \`it'\n${kernelGone}\n\nPress any key to continue...\n#@ +30`,
    );
    expect(watcher.fatal).toMatchObject({
      pattern: "grub-no-kernel",
      blame: "image",
      sinceMs: 5000,
    });
  });
  test("the network that a firmware tries last is not a sign of life", () => {
    const { watcher, fatalAtS } = play(
      'BdsDxe: starting Boot0001 "Fedora"\nBdsDxe: failed to start Boot0001 "Fedora": Not Found\n#@ +5\nBdsDxe: loading Boot0003 "UEFI PXEv4 (MAC:525400123456)"\nBdsDxe: starting Boot0003 "UEFI PXEv4 (MAC:525400123456)"\n#@ +5\n>>Start PXE over IPv4.\n#@ +300',
    );
    expect(watcher.fatal).toMatchObject({ pattern: "firmware-load-failed", blame: "image" });
    expect(fatalAtS).toBe(15);
  });
  test("a line that proves takes the place of one that does not, and is the one that is quoted", () => {
    const { watcher } = play(
      `Welcome to GRUB!\nerror: no server is specified.\n#@ +2\n${kernelGone}\n#@ +60`,
    );
    expect(watcher.fatal).toMatchObject({
      pattern: "grub-no-kernel",
      line: kernelGone,
      sinceMs: 2000,
    });
  });
  test("a passphrase that something enters ends the doubt", () => {
    const prompt =
      "Please enter passphrase for disk QEMU_HARDDISK (luks-1): (press TAB for no echo) ";
    const { watcher } = play(
      `[    0.000000] Linux version 6.12\n[    2.1] systemd[1]: Running in initrd.\n#@ nonl ${prompt}\n#@ +20\n\n[  OK  ] Finished systemd-cryptsetup@luks.service - Cryptography Setup for luks.\n#@ +90`,
    );
    expect(watcher.fatal).toBeNull();
  });
  test("a unit that starts again and again does not hide a prompt", () => {
    const again = "[  OK  ] Started flapping.service.\n#@ +10\n".repeat(60);
    const { watcher, fatalAtS } = play(
      `[    0.000000] Linux version 6.12\n[    2.1] systemd[1]: Running in initrd.\nPlease enter passphrase for disk X (luks-1):\n${again}`,
    );
    expect(watcher.fatal?.pattern).toBe("passphrase-prompt");
    expect(fatalAtS).toBeLessThanOrEqual(200);
  });
});

describe("a boot menu whose countdown stands still", () => {
  const counting =
    "GNU GRUB  version 2.12\r\n\x1b[29;01H   The highlighted entry will be executed automatically in 1s.   ";
  const waits = { kind: "menu-waits" };
  function menu(text: string, options = limits): ConsoleWatcher {
    const watcher = watcherAt("bootloader", options);
    feed(watcher, text);
    return watcher;
  }
  test("is told once, after a few seconds", () => {
    const watcher = menu(counting);
    expect(watcher.tick(5900)).toEqual([]);
    expect(watcher.tick(6000)).toEqual([waits]);
    expect(watcher.tick(60_000)).toEqual([]);
  });
  test.each([
    [
      "counts",
      `${counting}\x1b[29;01H   The highlighted entry will be executed automatically in 0s.  Booting \`x'\r\n`,
    ],
    [
      "has no countdown",
      "GNU GRUB  version 2.12\r\nUse the ^ and v keys to select which entry is highlighted.\r\n",
    ],
    ["is followed by a prompt", `${counting}\r\nEnter username: `],
    ["is followed by an error", `${counting}\r\nerror: file \`/vmlinuz' not found.\r\n`],
    ["is followed by the kernel", `${counting}\r\n${until.kernel}`],
  ])("is left alone where it %s", (_, text) => {
    expect(menu(text).tick(30_000)).not.toContainEqual(waits);
  });
  test("what the boot loader says after Enter was pressed is not the image's alone", () => {
    const watcher = menu(counting);
    watcher.tick(6000);
    watcher.keyPressed();
    feed(watcher, "  Booting `x'\r\nerror: file `/vmlinuz' not found.\r\n", 7000);
    watcher.tick(60_000);
    expect(watcher.fatal).toMatchObject({ pattern: "grub-no-kernel", blame: "unknown" });
  });
  test("under emulation, however long it stands, nobody is blamed", () => {
    const watcher = menu(`error: file \`/vmlinuz' not found.\r\n${counting}`, {
      ...limits,
      patience: 3,
    });
    for (let atMs = 2000; atMs < 500_000; atMs += 1000) watcher.tick(atMs);
    expect(watcher.fatal).toMatchObject({ pattern: "no-output", blame: "unknown" });
  });
});
