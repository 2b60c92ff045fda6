/** What is alike to the public reports: other wordings, other places on a line, other orders. */
import { describe, expect, test } from "vitest";
import { fatalName, feed, limits, type Stage, until, watcherAt } from "./support/console.ts";
import { play } from "./support/console-player.ts";

/** The pattern that a line leads to, at once or when its grace is over and nothing followed. */
function verdict(stage: Stage, text: string): string | null {
  const watcher = watcherAt(stage);
  feed(watcher, text);
  for (let atMs = 2000; atMs <= 100_000; atMs += 1000) watcher.tick(atMs);
  return fatalName(watcher);
}

describe("messages that share a row", () => {
  const oops = "BUG: unable to handle page fault for address: ffffffff";
  test.each<[string, string]>([
    ["kernel-oops", `[  OK  ] Started plym[    3.412345] ${oops}\r\nouth-start.service\r\n`],
    ["kernel-oops", `[\x1b[0;32m  OK  [[    3.412345] ${oops}\r\n`],
    ["kernel-oops", `[    3.41[  OK  ] Started foo.service.\r\n2345] ${oops}\r\n`],
    ["kernel-oops", `[  OK  ] Started foo.service[    3.41\r\n2345] ${oops}\r\n`],
    ["kernel-oops", `[FAILED] Failed to start     3.188183] ${oops}\r\nfoo.service.\r\n`],
    ["kernel-oops", `[    3.1] usb 1-1: new high[    3.412345][   T12] ${oops}\r\n`],
    ["kernel-oops", `[   12.3] foo[    3.412345] Internal error: Oops: 96000004 [#1] SMP\r\n`],
    [
      "kernel-panic",
      "[  OK  ] Reached ta[    9.000001] Kernel panic - not syncing: Fatal exception\r\n",
    ],
    ["kernel-panic", "[    9.000001] Kernel pa[  OK  ] Started foo.\r\nnic - not syncing: x\r\n"],
    [
      "kernel-no-root",
      "[  OK  ] Star[    9.000001] VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
    ],
    ["init-missing", "  OK  ] St[    9.000001] Failed to execute /init (error -2)\r\n"],
    [
      "emergency-target",
      "[    5.123456] usb 1-1: found[  OK  ] Reached target emergency.target - Emergency Mode.\r\n",
    ],
    ["emergency-target", "[  OK[    3.412345] usb\r\n  ] Reached target Emergency Mode.\r\n"],
    [
      "emergency-target",
      "[  OK  ] Reached target emer[    3.412345] usb 1-1: new\r\ngency.target - Emergency Mode.\r\n",
    ],
    [
      "root-mount-failed",
      "[FAILED] Failed to mou[    3.412345] a\r\n[    3.412399] b\r\nnt sysroot.mount - /sysroot.\r\n",
    ],
    ["emergency-shell", "Give root password for main[   10.100000] audit: x\r\ntenance\r\n"],
  ])("%s: %j", (name, text) => expect(verdict("initrd", text)).toBe(name));
});

describe("wordings of one event", () => {
  test.each<[Stage, string, string]>([
    [
      "userspace",
      "ordering-cycle",
      "[ SKIP ] Ordering cycle found, skipping local-fs.target - Local File Systems\r\n",
    ],
    [
      "userspace",
      "ordering-cycle",
      "[   3.1] systemd[1]: local-fs.target: Job a.service/start deleted to break ordering cycle starting with local-fs.target/start\r\n",
    ],
    [
      "userspace",
      "ordering-cycle",
      "[   3.1] systemd[1]: Found ordering cycle on a.service/start\r\n",
    ],
    ["initrd", "emergency-target", "[  OK  ] Started emergency.service - Emergency Shell.\r\n"],
    ["initrd", "emergency-target", "[   3.1] systemd[1]: Started Emergency Shell.\r\n"],
    ["userspace", "emergency-target", "[  OK  ] Reached target rescue.target.\r\n"],
    [
      "userspace",
      "local-file-systems-failed",
      "[   3.1] systemd[1]: Dependency failed for Local File Systems.\r\n",
    ],
    ["kernel", "kernel-oops", "[    3.4] Kernel BUG [#1]\r\n"],
    ["kernel", "kernel-oops", "[    3.4] monitor event: 0040 ilc:2 [#1] SMP\r\n"],
    ["kernel", "kernel-oops", "[    3.4] Oops[#1]:\r\n"],
    ["kernel", "kernel-oops", "[    3.4] Unhandled kernel unaligned access[#1]:\r\n"],
    [
      "bootloader",
      "kernel-unpack-failed",
      "Decompressing Linux...\r\n\r\nXZ-compressed data is corrupt\r\n\r\n -- System halted",
    ],
    ["initrd", "emergency-shell", "(initramfs) "],
    ["initrd", "emergency-shell", "ALERT!  /dev/vda9 does not exist.  Dropping to a shell!\r\n"],
    [
      "initrd",
      "emergency-shell",
      'Welcome to emergency mode! After logging in, type "journalctl -xb"\r\n',
    ],
    ["initrd", "emergency-shell", "Cannot open access to console, the root account is locked.\r\n"],
    [
      "initrd",
      "emergency-shell",
      "Press Enter for system maintenance\r\n(or press Control-D to continue): ",
    ],
    ["initrd", "dracut-refused", "dracut Warning: Could not boot.\r\n"],
    [
      "initrd",
      "root-mount-failed",
      "[   3.1] systemd[1]: Dependency failed for initrd-root-fs.target - Initrd Root File System.\r\n",
    ],
    ["initrd", "root-mount-failed", "[FAILED] Failed to mount /sysroot.\r\n"],
    [
      "initrd",
      "dracut-timeout",
      "\r\x1b[K[     \x1b[0;31m*\x1b[0m] Job dev-disk-by\\x2dlabel-root.devic…art running (3min 1s / no limit)\r\r\n",
    ],
    [
      "initrd",
      "dracut-timeout",
      "[***   ] A start job is running for /dev/disk/by-uuid/1-2 (12min 1s / no limit)\r\n",
    ],
    [
      "initrd",
      "prepare-root",
      "[FAILED] Failed to start bootc-root-setup.service - bootc root setup.\r\n",
    ],
    [
      "initrd",
      "prepare-root",
      "[    6.2] bootc-initramfs-setup[301]: Error: Mounting composefs\r\n",
    ],
    [
      "initrd",
      "decrypt-failed",
      "[FAILED] Failed to start systemd-cryptsetup@root.service - Cryptography Setup for root.\r\n",
    ],
    [
      "initrd",
      "switch-root-failed",
      "[    6.2] systemd[1]: Failed to switch root: Specified switch root path '/sysroot' does not seem to be an OS tree.\r\n",
    ],
    ["initrd", "init-not-found", "Cannot find init!\r\n"],
    [
      "initrd",
      "ignition-failed",
      "[   12.0] ignition[697]: Ignition failed: failed to fetch config\r\n",
    ],
    [
      "userspace",
      "greenboot-red",
      "[FAILED] Failed to start greenboot-healthcheck.service - greenboot Health Checks Runner.\r\n",
    ],
    [
      "bootloader",
      "grub-no-kernel",
      "error: ../../grub-core/loader/i386/efi/linux.c:208:you need to load the kernel first.\r\n",
    ],
    [
      "bootloader",
      "grub-no-kernel",
      "error: file `/vmlinuz-6.1' not found.\r\n\r\nPress any key to continue...\r\n",
    ],
    ["bootloader", "grub-password-prompt", "Enter username:\r\n"],
    ["bootloader", "grub-password-prompt", "Enter username: "],
    ["bootloader", "passphrase-prompt", "Enter passphrase for hd0,gpt2 (1111-2222): "],
    [
      "bootloader",
      "systemd-boot-no-entry",
      "No loader found. Configuration files in \\loader\\entries\\*.conf are needed.\r\n",
    ],
    ["bootloader", "systemd-boot-failed", "Error preparing initrd: Not found\r\n"],
    [
      "bootloader",
      "systemd-boot-failed",
      "Failed to execute Fedora (\\EFI\\Linux\\fedora.efi): Load error\r\n",
    ],
    [
      "bootloader",
      "systemd-boot-failed",
      "Error loading EFI binary \\EFI\\Linux\\a.efi: Not found\r\n",
    ],
    [
      "bootloader",
      "systemd-boot-failed",
      "../src/boot/boot.c:2500@call_image_start: Failed to load image: Unsupported\r\n",
    ],
    ["bootloader", "efi-stub-error", "EFI stub: ERROR: efi_main() failed!\r\n"],
    [
      "bootloader",
      "efi-stub-error",
      "EFI stub: ERROR: This 64 KB granular kernel is not supported by your CPU\r\n",
    ],
    ["bootloader", "efi-stub-error", "EFI stub: ERROR: Failed to handle fs_proto\r\n"],
    ["bootloader", "efi-stub-error", "EFI stub: ERROR: Unable to exit boot services.\r\n"],
    ["firmware", "firmware-load-failed", "Boot failed: not a bootable disk\r\n"],
    [
      "bootloader",
      "efi-stub-error",
      "EFI stub: Booting Linux Kernel...\r\nEFI stub: ERROR: Failed to relocate kernel\r\n",
    ],
    ["firmware", "boot-sector-failed", "Missing operating system\r\n"],
    [
      "bootloader",
      "boot-sector-failed",
      "This is not a bootable disk.  Please insert a bootable floppy and\r\npress any key to try again ... ",
    ],
    ["bootloader", "boot-sector-failed", "Non-System disk or disk error\r\n"],
    ["bootloader", "syslinux-prompt", "boot: "],
    ["firmware", "syslinux-failed", "isolinux.bin missing or corrupt.\r\n"],
    ["firmware", "u-boot-prompt", "=> "],
    ["kernel", "passphrase-prompt", "Please unlock disk sda3_crypt: "],
    [
      "initrd",
      "passphrase-prompt",
      "\u{1f510} Please enter passphrase for disk QEMU_HARDDISK (luks-1): (press TAB for no echo) ",
    ],
    ["initrd", "passphrase-prompt", "\u{1f510} Please enter LUKS2 token PIN: "],
    ["userspace", "passphrase-prompt", "Enter passphrase for /dev/vda3: "],
    [
      "initrd",
      "passphrase-prompt",
      "A password is required to access the luks-root volume:\r\nPassword: ",
    ],
    ["userspace", "console-question", "Do you accept the license agreement? [y/N]: "],
    ["userspace", "console-question", "Continue (yes/no)? "],
    ["initrd", "console-question", "Press ENTER to continue..."],
    ["kernel", "console-question", "Please press Enter to activate this console. "],
    ["userspace", "first-boot-prompt", "-- Press any key to proceed --"],
    [
      "userspace",
      "first-boot-prompt",
      '\u2023 Please enter the new system locale name or number (empty to skip, "list" to list options): ',
    ],
    ["userspace", "first-boot-prompt", "Please enter system locale name or number: "],
    [
      "userspace",
      "first-boot-prompt",
      "\u2023 Please enter the new root password (empty to skip): (press TAB for no echo) ",
    ],
    [
      "userspace",
      "first-boot-prompt",
      "Please make a selection from the above ['c' to continue, 'q' to quit, 'r' to refresh]: ",
    ],
    ["userspace", "fsck-by-hand", "/dev/vda4: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\r\n"],
  ])("%s, %s: %j", (stage, name, text) => expect(verdict(stage, text)).toBe(name));
});

describe("lines of a boot loader that a boot survives", () => {
  test.each([
    "error: ../../grub-core/script/lexer.c:352:Incorrect command.",
    "error: syntax error.",
    "error: ../../grub-core/commands/loadenv.c:216:invalid environment block.",
    "error: ../../grub-core/fs/fshelp.c:257:file `/grub2/themes/x/theme.txt' not found.",
    "error: ../../grub-core/script/function.c:119:can't find command `hwmatch'.",
    // On aarch64, where a configuration names a serial port of a PC.
    "error: serial port `com0' isn't found.",
    "error: no server is specified.",
    "error: ../../grub-core/kern/disk.c:240:disk `lvmid/x' not found.",
    "EFI stub: ERROR: FIRMWARE BUG: kernel image not aligned on 64k boundary",
    "EFI stub: ERROR: Could not determine UEFI Secure Boot status.",
    'BdsDxe: failed to load Boot0001 "UEFI Misc Device": Not Found',
  ])("%s", (line) => {
    for (const patience of [1, 3]) {
      const watcher = watcherAt("bootloader", { ...limits, patience });
      feed(watcher, `${line}\r\n`);
      expect(fatalName(watcher)).toBeNull();
      feed(watcher, until.kernel, 10_000);
      watcher.tick(100_000);
      expect(fatalName(watcher)).toBeNull();
    }
  });
  test.each(["error: no server is specified.", "EFI stub: ERROR: Something new."])(
    "alone and followed by nothing it blames nobody: %s",
    (line) => {
      const { watcher } = play(`Welcome to GRUB!\n#@ +1\n${line}\n#@ +100`);
      expect(watcher.fatal).toMatchObject({
        blame: "unknown",
        line,
        sinceMs: 1000,
        stage: "bootloader",
      });
    },
  );
});
