/**
 * Lines of boot loaders (GRUB, systemd-boot, the stubs in a kernel or a UKI, ISOLINUX) that end a boot. GRUB survives
 * most of its errors: only those about the kernel it was to load prove something, and even they leave it a fallback.
 */
import { early, type FatalPattern } from "./console-pattern.ts";

const grubFatal: readonly FatalPattern[] = [
  {
    name: "grub-rescue",
    regex: /^(?:Entering rescue mode\.\.\.|grub rescue> ?$)/,
    meaning: "GRUB could not find its own files and stopped in its rescue shell",
    stages: early,
    prompt: true,
  },
  {
    name: "grub-shell",
    regex: /^grub> ?$/,
    meaning: "GRUB found nothing to boot and stopped at its prompt",
    stages: early,
    prompt: true,
    byKey: true,
  },
  {
    name: "grub-password-prompt",
    // Without a newline the line is this prompt only; with one it is an echo of it.
    regex: /^(?:Enter username: ?|Enter password: ?)$/,
    meaning: "GRUB asks for a user name and a password, and nobody answers",
    stages: early,
    prompt: true,
    graceMs: 15_000,
  },
  {
    name: "kernel-signature-refused",
    // GRUB 2.06 and 2.12 ask shim's lock, 2.14 shim's loader; seen with shim 16.1 and GRUB 2.14, behind "Verification failed: Security Policy Violation".
    regex:
      /^error: .{0,200}(?:bad shim (?:loader |lock )?signature|shim protocols not found|invalid signature|prohibited by secure boot policy)/,
    meaning: "GRUB may not start the kernel: its signature was refused",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "grub-no-kernel",
    // Newer builds name the source file: whatever the loaders say is about the kernel or its initramfs.
    regex:
      /^error: (?:[./]{0,40}grub-core\/loader\/|.{0,200}(?:you need to load the kernel first|\/(?:vmlinuz|initramfs|initrd|linux)[^ ]{0,200} not found|invalid magic number|start_image\(\) returned|cannot load image))/,
    meaning: "GRUB could not load the kernel",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "grub-error",
    // Left out is what GRUB says of fonts, themes, scripts, its environment and serial ports of a PC on a machine that is
    // none, and boots all the same.
    regex:
      /^error: (?!.{0,200}(?:\.pf2|theme|no suitable video mode|hwmatch|environment block|can't find command|serial port .{0,60} isn't found|variable .{0,60} isn't set|syntax error|Incorrect command))/,
    meaning: "GRUB reported an error, and nothing more was said",
    stages: early,
    graceMs: 60_000,
    proof: "doubtful",
  },
];

const stubFatal: readonly FatalPattern[] = [
  {
    name: "efi-stub-error",
    // drivers/firmware/efi/libstub. Left out is what the stub goes on after: seeds, measurements, graphics, Secure Boot's state.
    regex:
      /^EFI stub: ERROR: (?!FIRMWARE BUG)(?!.{0,160}(?:Secure Boot status|random|RNG|seed|TPM|event log|measure|GOP|graphics|screen|memreserve|KASLR|[Ii]gnor)).{0,160}(?:[Ff]ail|[Uu]nable|[Ii]nvalid|[Cc]ould not|[Cc]an't|[Cc]annot|[Oo]ut of|[Nn]ot found|[Uu]nsupported|not supported)/,
    meaning: "the kernel could not be started by the firmware",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "efi-stub-warning",
    regex: /^EFI stub: ERROR: (?!FIRMWARE BUG)/,
    meaning: "the kernel's EFI stub reported an error, and nothing more was said",
    stages: early,
    graceMs: 60_000,
    proof: "doubtful",
  },
  {
    name: "boot-assertion",
    // systemd-boot and systemd-stub stop the processor after this (src/boot/util.c, efi_assert).
    regex: /Assertion '.{1,300}' failed at .{1,300}, halting\./,
    meaning: "the boot loader met a state it did not expect and halted",
    stages: early,
  },
  {
    name: "kernel-unpack-failed",
    // The code before a kernel that unpacks it (arch/x86/boot/compressed/misc.c, error(); arm's is alike). It has no newline.
    regex: /^ {0,4}-- System halted/,
    meaning: "the kernel could not be unpacked",
    stages: early,
    prompt: true,
  },
];

const systemdBootFatal: readonly FatalPattern[] = [
  {
    name: "systemd-boot-no-entry",
    regex: /(?:No loader found\. Configuration files in|Unable to find a (?:boot )?loader entry)/,
    meaning: "systemd-boot found no entry to boot",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "systemd-boot-failed",
    // src/boot: a verb, an object and the firmware's word for the cause; the place in the source may lead it in. Drivers,
    // seeds and keys are not needed to boot.
    regex:
      /^(?!.{0,200}(?:driver|random seed|secure boot key|TPM|PCR))(?:[^ ]{1,100}:\d{1,5}@\w{1,60}: |systemd-(?:boot|stub)[^:]{0,60}: )?(?:Failed to (?:execute|start|load|prepare|open root) .{1,300}: |Error (?:loading|preparing|registering|executing|starting|opening root) .{1,300}: |Unable to (?:locate|load|read) .{0,200}(?:kernel|linux|initrd|section)|Bad kernel image)/,
    meaning: "the boot loader could not start the kernel",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "systemd-boot-menu",
    // Its own last row, in every menu. With a timeout set a countdown follows, which ends the doubt.
    regex: /^ {0,80}Reboot Into Firmware Interface/,
    meaning: "systemd-boot shows its menu and waits for a choice that nobody makes",
    stages: early,
    prompt: true,
    graceMs: 60_000,
    proof: "timed",
  },
];

const syslinuxFatal: readonly FatalPattern[] = [
  {
    name: "syslinux-failed",
    regex:
      /^(?:isolinux\.bin missing or corrupt|Could not find kernel image: |No DEFAULT or UI configuration directive found|Failed to load (?:ldlinux|libcom32|COM32 file)|ERROR: No configuration file found)/,
    meaning: "the boot loader of the medium could not go on",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "syslinux-prompt",
    // Its TIMEOUT directive ends the wait without a word.
    regex: /^boot: ?$/,
    meaning: "the boot loader of the medium waits for a choice that nobody makes",
    stages: early,
    prompt: true,
    graceMs: 60_000,
    proof: "timed",
  },
];

export const bootLoaderFatal: readonly FatalPattern[] = [
  ...grubFatal,
  ...stubFatal,
  ...systemdBootFatal,
  ...syslinuxFatal,
];
