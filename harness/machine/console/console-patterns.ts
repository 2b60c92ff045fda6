/**
 * What lines on a serial console mean. Two tables: lines that show which stage a boot has reached, and lines that end a
 * boot. They are data so that adding one is one entry and its test. Every expression is linear-time: anchored or led by
 * a literal, with no nested repetition, since a guest chooses the text.
 */
import { type BootStage, bootStages } from "./console.ts";

/** A line that ends a boot, or (with `graceMs`) ends it unless a later stage is reached in that time. */
export interface FatalPattern {
  /** Stable: reports and policies name it. */
  readonly name: string;
  readonly regex: RegExp;
  /** What it means, as the end of "The image did not boot: …". */
  readonly meaning: string;
  /** Stages in which it counts; in all when absent. */
  readonly stages?: readonly BootStage[];
  /** The line may be followed by a healthy boot, so a verdict waits this long (milliseconds, scaled for slow machines). */
  readonly graceMs?: number;
  /** How often it must be seen in one boot. Default 1. */
  readonly times?: number;
  /** Seen on an unfinished line too: prompts have no newline. */
  readonly prompt?: boolean;
}

/** printk's time stamp and caller (`[    1.234567] ` or `[    1.234567][    T1] `), where there is one. */
const stamp = String.raw`^(?:\[ {0,8}\d{1,8}\.\d{6}\] ?(?:\[ {0,6}[TC]\d{1,8}\] ?)?)?`;
const kernel = (text: string): RegExp => new RegExp(`${stamp}(?:${text})`);

const early: readonly BootStage[] = ["off", "firmware", "bootloader"];
const inInitrd: readonly BootStage[] = ["kernel", "initrd"];
const booting: readonly BootStage[] = ["kernel", "initrd", "userspace"];

const firmwareFatal: readonly FatalPattern[] = [
  {
    name: "firmware-no-bootable-device",
    regex:
      /^(?:No bootable device\.|BdsDxe: No bootable option|PXE-M0F: Exiting|No bootable option or device was found)/,
    meaning: "the firmware found no bootable device",
    stages: early,
  },
  {
    name: "firmware-load-failed",
    // OVMF tries the next boot option after this line, so a later stage can still come.
    regex: /^BdsDxe: (?:failed to (?:load|start)|No mapping)/,
    meaning: "the firmware could not load the boot loader",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "secure-boot-refused",
    regex:
      /^(?:BdsDxe: failed to load .{0,300}: (?:Access Denied|Security Violation)|.{0,60}Verification failed: \(0x1A\) Security Violation)/,
    meaning: "the firmware refused the boot loader's signature",
    stages: early,
  },
  {
    name: "uefi-shell",
    regex: /^(?:UEFI Interactive Shell v|Shell> )/,
    meaning: "the firmware found nothing to boot and opened its shell",
    stages: early,
    prompt: true,
  },
  {
    name: "firmware-exception",
    regex: /^(?:Synchronous Exception at 0x|!!!! (?:X64|IA32) Exception Type)/,
    meaning: "the firmware or boot loader crashed",
    stages: [...early, "kernel"],
  },
  {
    name: "raspberry-pi-firmware",
    regex:
      /start4?(?:x|cd|db)?\.elf.{0,40}not compatible|start4?(?:x|cd|db)?\.elf: (?:not found|is not compatible)/,
    meaning: "the board's firmware files do not fit the board",
    stages: early,
  },
];

const bootloaderFatal: readonly FatalPattern[] = [
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
  },
  {
    name: "grub-no-kernel",
    regex:
      /^error: .{0,200}(?:you need to load the kernel first|bad shim signature|invalid signature|\/vmlinuz[^ ]{0,200} not found|invalid magic number|syntax error)/,
    meaning: "GRUB could not load the kernel",
    stages: early,
  },
  {
    name: "grub-error",
    // GRUB prints an error for a missing font or theme too and boots all the same.
    regex:
      /^error: (?!.{0,200}(?:unicode\.pf2|\.pf2|theme|no suitable video mode|hwmatch|environment block|can't find command|variable .{0,60} isn't set))/,
    meaning: "GRUB reported an error and did not go on",
    stages: early,
    graceMs: 15_000,
  },
];

const kernelFatal: readonly FatalPattern[] = [
  {
    name: "kernel-no-root",
    regex: kernel(
      "VFS: (?:Cannot open root device|Unable to mount root fs)|Kernel panic - not syncing: (?:VFS: )?Unable to mount root",
    ),
    meaning: "the kernel found no root file system (is the initramfs there?)",
  },
  {
    name: "kernel-panic",
    regex: kernel("(?:---\\[ end )?Kernel panic - not syncing"),
    meaning: "the kernel panicked",
  },
  {
    name: "kernel-oops",
    // Soft lockups and stalls are left out: on an overloaded host they say nothing about the image.
    regex: kernel(
      "BUG: (?:unable to handle|kernel NULL|Bad |sleeping function|scheduling while)|kernel BUG at |Oops: |Internal error: Oops|Unable to handle kernel |general protection fault, probably",
    ),
    meaning: "the kernel has a bug or met broken hardware (Oops)",
  },
  {
    name: "out-of-memory",
    regex: kernel("Out of memory: Kill"),
    meaning: "the guest ran out of memory and the kernel killed a process",
  },
  {
    name: "init-missing",
    regex: kernel("No working init found|Failed to execute /init"),
    meaning: "the kernel found no init to start",
  },
];

const initrdFatal: readonly FatalPattern[] = [
  {
    name: "emergency-shell",
    regex:
      /^(?:You are in (?:emergency|rescue) mode|Give root password for (?:maintenance|system maintenance)|Entering emergency mode|Cannot open access to console, the root account is locked|Generating "\/run\/initramfs\/rdsosreport\.txt"|Press Enter for (?:maintenance|emergency shell))/,
    meaning: "the boot gave up and opened an emergency shell",
    prompt: true,
  },
  {
    name: "emergency-target",
    regex:
      /Reached target (?:[^ ]{0,60} - )?(?:Emergency Mode|emergency\.target)|Started (?:[^ ]{0,60} - )?Emergency Shell/,
    meaning: "systemd gave up and entered emergency mode",
    stages: booting,
  },
  {
    name: "dracut-refused",
    regex:
      /dracut(?:-[a-z-]{1,40})?(?:\[\d{1,8}\])?: (?:FATAL: |Refusing to continue|Warning: Could not boot|Warning: \/dev\/[^ ]{1,300} does not exist)|^Refusing to continue/,
    meaning: "the initramfs refused to continue",
    stages: inInitrd,
  },
  {
    name: "dracut-timeout",
    regex:
      /dracut-initqueue(?:\[\d{1,8}\])?: .{0,40}(?:timeout, still waiting for|initqueue timeout|starting timeout scripts)/,
    meaning: "the initramfs waited in vain for a device",
    stages: inInitrd,
    graceMs: 10_000,
  },
  {
    name: "prepare-root",
    regex:
      /ostree-prepare-root(?:\[\d{1,8}\])?: .{0,200}(?:error|[Ff]ailed|Couldn't|not found)|Failed to start (?:[^ ]{0,60} - )?(?:ostree-prepare-root|OSTree Prepare)/,
    meaning: "ostree could not prepare the root file system",
    stages: inInitrd,
  },
  {
    name: "root-mount-failed",
    regex:
      /(?:Failed to mount|Dependency failed for) (?:[^ ]{0,60} - )?(?:\/sysroot|sysroot\.mount|Initrd Root|initrd-root-fs\.target|Initrd Default)/,
    meaning: "the root file system could not be mounted",
    stages: inInitrd,
  },
  {
    name: "local-file-systems-failed",
    regex: /Dependency failed for (?:[^ ]{0,60} - )?Local File Systems/,
    meaning: "a file system that the image needs could not be mounted",
    stages: ["userspace"],
  },
  {
    name: "switch-root-failed",
    regex: /Failed to switch root|systemd\[1\]: (?:Freezing execution|!!!!!! Failed)|\[!!!!!!\]/,
    meaning: "systemd could not go on and froze",
    stages: booting,
  },
  {
    name: "switch-root-loop",
    regex: /systemd\[1\]: Running in initrd\./,
    meaning: "the initramfs starts itself over and over and never reaches the real root",
    stages: booting,
    times: 3,
  },
  {
    name: "ordering-cycle",
    regex: /systemd\[1\]: .{0,200}(?:Found ordering cycle|deleted to break ordering cycle)/,
    meaning: "units wait for each other in a circle and systemd dropped one",
  },
];

export const fatalPatterns: readonly FatalPattern[] = [
  ...firmwareFatal,
  ...bootloaderFatal,
  ...kernelFatal,
  ...initrdFatal,
];

/** Lines that show that a stage has been reached. `restarts`: only the very start of a boot says this. */
export interface StagePattern {
  readonly stage: BootStage;
  readonly regex: RegExp;
  readonly restarts?: boolean;
  readonly prompt?: boolean;
}

export const stagePatterns: readonly StagePattern[] = [
  {
    stage: "firmware",
    regex:
      /^(?:SeaBIOS \(version |BdsDxe: loading |UEFI firmware \(version |U-Boot (?:SPL )?20\d\d)/,
    restarts: true,
  },
  {
    stage: "bootloader",
    regex:
      /^(?:BdsDxe: starting |Welcome to GRUB!|Booting from Hard Disk|error: |grub(?: rescue)?> ?$)|GNU GRUB {1,4}version|^ {0,4}Booting `/,
    prompt: true,
  },
  {
    stage: "kernel",
    regex: kernel("Linux version \\d|Booting Linux on physical CPU"),
    restarts: true,
  },
  { stage: "kernel", regex: /^(?:EFI stub: |\[ {0,8}\d{1,8}\.\d{6}\])/ },
  {
    stage: "initrd",
    regex:
      /systemd\[1\]: Running in initrd\.|\(Initramfs\)|(?:^|\] ?)dracut(?:-[a-z-]{1,40})?(?:\[\d{1,8}\])?: |Run \/init as init process/,
  },
  {
    stage: "userspace",
    regex:
      /Welcome to (?!GRUB)(?!.{0,200}\(Initramfs\)).{1,200}!$|^[A-Za-z0-9._-]{1,64} login: ?$|Reached target (?:[^ ]{0,60} - )?(?:Multi-User System|Graphical Interface|Login Prompts)/,
    prompt: true,
  },
];

const filters = new Map<BootStage, RegExp>();

/** One expression that matches every line which could change anything in `stage`: most lines do not, and are done after it. */
export function interestingIn(stage: BootStage): RegExp {
  const known = filters.get(stage);
  if (known !== undefined) return known;
  const rank = bootStages.indexOf(stage);
  const all = [
    ...stagePatterns.filter((entry) => entry.restarts || bootStages.indexOf(entry.stage) > rank),
    ...fatalPatterns.filter(({ stages }) => stages === undefined || stages.includes(stage)),
  ];
  const filter = new RegExp(all.map(({ regex }) => `(?:${regex.source})`).join("|"));
  filters.set(stage, filter);
  return filter;
}
