/** Signs of life after a doubtful line, and a boot menu that needs a key. */
import { readFileSync } from "node:fs";
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
    // OVMF says at once that nothing is left; the signature is still the reason.
    const said = `${option("failed to load", 1, ": Access Denied")}\nBdsDxe: No bootable option or device was found.`;
    const left = play(said);
    expect(left.watcher.fatal).toMatchObject({ pattern: "secure-boot-refused", blame: "image" });
  });
  const option = (verb: string, n: number, rest = ""): string =>
    `BdsDxe: ${verb} Boot000${n} "x${n}" from PciRoot(0x0)/Pci(0x${n},0x0)${rest}`;
  test.each([
    ["it could not load", option("failed to load", 1, ": Not Found")],
    [
      "it could not start",
      `${option("starting", 1)}\n${option("failed to start", 1, ": Not Found")}`,
    ],
    ["whose signature it refused", option("failed to load", 1, ": Access Denied")],
  ])("another disk that the firmware starts is another try after one that %s", (_, failed) => {
    const next = `${option("loading", 2)}\n${option("starting", 2)}`;
    for (const patience of [1, 3]) {
      const { watcher } = play(`${failed}\n${next}\n#@ +100`, { ...limits, patience });
      expect(watcher.fatal).toBeNull();
      // It is quiet, and nothing shows that it did not boot.
      watcher.tick(1_000_000);
      expect(watcher.fatal).toMatchObject({ pattern: "no-output", blame: "unknown" });
    }
    const fromFirmware = `BdsDxe: starting Boot0003 "UiApp" from Fv(7CB8BDC9)/FvFile(462CAA21)`;
    for (const followedBy of [option("loading", 2), fromFirmware])
      expect(play(`${failed}\n${followedBy}\n#@ +100`).watcher.fatal).toMatchObject({
        blame: "image",
      });
  });
  test("a BIOS that goes from a CD to a disk has begun another try", () => {
    const cd = "Booting from DVD/CD...\nBoot failed: Could not read from CDROM (code 0003)";
    const { watcher } = play(`${cd}\nBooting from Hard Disk...\n#@ +100`);
    expect(watcher.fatal).toBeNull();
    const none = play(`${cd}\nBooting from Hard Disk...\nBoot failed: not a bootable disk\n#@ +30`);
    expect(none.watcher.fatal).toMatchObject({ pattern: "firmware-load-failed", blame: "image" });
  });
  test("a network card that gives up is not the end where a disk comes next", () => {
    const pxe = "PXE-M0F: Exiting Intel Boot Agent.";
    expect(play(`${pxe}\nBooting from Hard Disk...\n#@ +60`).watcher.fatal).toBeNull();
    expect(play(`${pxe}\n#@ +60`).watcher.fatal).toMatchObject({
      pattern: "firmware-no-bootable-device",
    });
  });
  test("a refused signature is the image's fault when nothing else is started", () => {
    const { watcher, fatalAtS } = play(`${option("failed to load", 1, ": Access Denied")}\n#@ +60`);
    expect(watcher.fatal).toMatchObject({ pattern: "secure-boot-refused", blame: "image" });
    expect(fatalAtS).toBe(15);
  });
  const shell = `"EFI Internal Shell" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(7C04A583-9E3E-4F1C-AD65-E05268D0B4D1)`;
  test.each([
    ["an empty disk", ": Not Found", "firmware-no-bootable-device"],
    ["a disk that it refused", ": Access Denied", "secure-boot-refused"],
  ])(
    "a firmware refuses its own shell as well: %s is judged by its own line",
    (_, why, pattern) => {
      // OVMF of Debian with Microsoft's keys and with keys of one's own, QEMU 10.0.2.
      const said = [
        option("failed to load", 1, why),
        `BdsDxe: loading Boot0002 ${shell}`,
        `BdsDxe: starting Boot0002 ${shell}`,
        `BdsDxe: failed to start Boot0002 ${shell}: Security Violation`,
        "BdsDxe: No bootable option or device was found.",
        "BdsDxe: Press any key to enter the Boot Manager Menu.",
      ];
      expect(play(said.join("\n")).watcher.fatal).toMatchObject({ pattern, blame: "image" });
    },
  );
  test("shim's refusal ends a boot, before GRUB has spoken and after that", () => {
    const box = "\u2502   Verification failed: (0x1A) Security Violation   \u2502";
    const early = play(`${option("starting", 1)}\n${box}\n#@ +60`).watcher.fatal;
    expect(early).toMatchObject({ pattern: "secure-boot-refused", blame: "image" });
    const late = play(`${option("starting", 1)}\nWelcome to GRUB!\n${box}\n#@ +60`).watcher.fatal;
    expect(late).toMatchObject({ pattern: "secure-boot-refused", blame: "image" });
  });
  test.each([
    "error: bad shim signature.",
    "error: kern/efi/sb.c:1:bad shim loader signature.",
    "error: ../../grub-core/kern/efi/sb.c:211:bad shim lock signature.",
    "error: shim protocols not found.",
  ])("GRUB's word for a kernel that shim refuses: %s", (line) => {
    const { watcher } = play(`Welcome to GRUB!\n${line}\n#@ +60`);
    expect(watcher.fatal).toMatchObject({ pattern: "kernel-signature-refused", blame: "image" });
  });
  describe("a guest that ran out of memory, of which the harness chose how much it has", () => {
    const start = "[    0.000000] Linux version 6.12\nWelcome to Fake OS!";
    const killed = "[   15.1] Out of memory: Killed process 900 (dnf-makecache) total-vm:1kB";
    test.each([
      "[  OK  ] Reached target Multi-User System.",
      "[  OK  ] Started foo.service.",
      "host login: ",
      "#@ ssh",
    ])("goes on: %j", (sign) => {
      const { watcher } = play(`${start}\n${killed}\n#@ +20\n${sign}\n#@ +90`);
      expect(watcher.fatal).toBeNull();
    });
    test.each([killed, "[   15.1] Kernel panic - not syncing: System is deadlocked on memory"])(
      "does not go on, and nobody is blamed: %s",
      (line) => {
        const { watcher, facts } = play(`${start}\n${line}\n#@ +70`);
        expect(watcher.fatal).toMatchObject({ blame: "unknown", line });
        expect(facts).toContainEqual(
          expect.objectContaining({ howTo: expect.stringContaining("--memory") }),
        );
      },
    );
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
  /** Fedora's GRUB, drawn as the fixture of it is, until its countdown stands. */
  const fedora = (kind: "serial" | "uefi"): string => {
    const log = readFileSync(
      new URL(`./support/grub-fedora-${kind}.log`, import.meta.url),
      "latin1",
    );
    return log.slice(log.indexOf("Use the"), log.indexOf("automatically in 59s") + 60);
  };
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
  test.each(["serial", "uefi"] as const)("is told in the words of Fedora's GRUB (%s)", (kind) => {
    const watcher = menu(fedora(kind));
    expect(watcher.tick(5900)).toEqual([]);
    expect(watcher.tick(6000)).toEqual([waits]);
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
    ["has none, in Fedora's words", "Use the ^ and v keys to change the selection.\r\n"],
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
