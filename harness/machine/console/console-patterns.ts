/**
 * What lines on a serial console mean: lines that end a boot, lines that show which stage it has reached, lines that
 * show that it goes on. They are data so that adding one is one entry and its test. Every expression is linear-time:
 * anchored or led by a literal, with no nested repetition, since a guest chooses the text.
 */
import { type BootStage, bootStages } from "./console.ts";
import {
  anyOf,
  booting,
  described,
  early,
  type FatalPattern,
  kernel,
  type ProgressPattern,
  type StagePattern,
  systemd,
} from "./console-pattern.ts";
import { automaticLogin, loginPrompt } from "./login-prompt.ts";
import { boardFatal } from "./patterns-board.ts";
import { bootLoaderFatal } from "./patterns-boot-loader.ts";
import { firmwareFatal } from "./patterns-firmware.ts";
import { kernelFatal } from "./patterns-kernel.ts";
import { promptsFatal } from "./patterns-prompts.ts";
import { userspaceFatal } from "./patterns-userspace.ts";

export const fatalPatterns: readonly FatalPattern[] = [
  ...firmwareFatal,
  ...boardFatal,
  ...bootLoaderFatal,
  ...kernelFatal,
  ...userspaceFatal,
  ...promptsFatal,
];

/**
 * OVMF or U-Boot starts something of the disk's. The network is their last resort, and what comes out of OVMF itself (`Fv(…)`)
 * is its own menu or shell.
 */
const startsDisk = "(?:BdsDxe: starting|Booting:) (?!.{0,300}(?:PXE|HTTP|IPv[46]| Fv\\(|net \\d))";

/** Fedora's and RHEL's GRUB has neither a greeting nor its version on its menu, nor a word when it boots (rhboot/grub2, menu_text.c, menu.c). */
const grubWithoutTitle =
  "keys to change the selection\\.|The selected entry will be started automatically in";

export const stagePatterns: readonly StagePattern[] = [
  {
    stage: "firmware",
    regex:
      /^(?:SeaBIOS \(version |BdsDxe: loading |UEFI firmware \(version |U-Boot (?:SPL )?20\d\d)/,
    restarts: true,
  },
  {
    stage: "bootloader",
    // The EFI stub still runs under the firmware: what it says shows that a kernel was loaded, not that it runs.
    regex: new RegExp(
      `^(?:${startsDisk}|Welcome to GRUB!|Booting from Hard Disk|error: |grub(?: rescue)?> ?$|EFI stub: |systemd-(?:boot|stub)\\b|ISOLINUX |SYSLINUX |Hit any key to stop autoboot)|GNU GRUB {1,4}version|${grubWithoutTitle}|(?:^| {2})Booting \`|^ {0,80}Reboot Into Firmware Interface`,
    ),
    prompt: true,
  },
  {
    stage: "kernel",
    regex: kernel("Linux version \\d|Booting Linux on physical CPU"),
    restarts: true,
  },
  { stage: "kernel", regex: /^\[ {0,8}\d{1,8}\.\d{1,6}\]/ },
  {
    stage: "initrd",
    regex:
      /systemd\[1\]: Running in initrd\.|\(Initramfs\)|^Booting initrd of |(?:^|\] ?)dracut(?:-[a-z-]{1,40})?(?:\[\d{1,8}\])?: |Run \/init as init process/,
  },
  {
    stage: "userspace",
    regex: /Welcome to (?!GRUB)(?!.{0,200}\(Initramfs\)).{1,200}!$/,
    greets: true,
  },
  {
    stage: "userspace",
    regex: new RegExp(
      `${loginPrompt.source}|${automaticLogin.source}|${systemd(`Reached target ${described("Multi-User System|Graphical Interface|Login Prompts")}`).source}`,
    ),
    prompt: true,
  },
];

/** A boot menu that will go on by itself: GRUB's and systemd-boot's countdowns. */
const countdown =
  /entry will be (?:executed|booted|started) automatically in|^ {0,80}Boot(?:ing)? in \d{1,6} ?s/;

export const progressPatterns: readonly ProgressPattern[] = [
  { regex: countdown, stages: early, shows: "menu" },
  {
    // The kernel is handed the machine: whatever was said about loading it is over.
    regex:
      /(?:^| {2})Booting `|^Loading (?:Linux|initial ramdisk)|^EFI stub: (?!ERROR)|^Starting kernel \.\.\./,
    stages: early,
    shows: "past",
  },
  {
    // A disk that the firmware starts is another try: what it said of the option before does not tell how this one ends, nor what U-Boot said
    // of a slot without a card (boot/bootflow.c, lib/efi_loader/efi_bootbin.c; its own boot manager has no device).
    regex: new RegExp(
      `^(?:${startsDisk}|Booting from (?:Hard Disk|DVD/CD)|Booting /|\\*\\* Booting bootflow '(?!<NULL>))`,
    ),
    stages: early,
    shows: "past",
  },
  {
    // The network is what a firmware tries last: it shows only that the disk was given up.
    regex:
      /^BdsDxe: (?:loading|starting) (?!.{0,200}(?:PXE|HTTP|IPv[46]))|^Welcome to GRUB!|GNU GRUB {1,4}version|keys to change the selection\.|^Hit any key to stop autoboot/,
    stages: early,
    shows: "goes-on",
  },
  {
    regex: systemd(
      `(?:Finished|Started) ${described("Cryptography Setup|systemd-cryptsetup@")}|Reached target ${described("Local Encrypted Volumes|cryptsetup\\.target")}`,
    ),
    stages: booting,
    shows: "past",
  },
  { regex: loginPrompt, stages: booting, shows: "goes-on" },
  {
    regex: systemd("Started |Finished |Reached target |Mounted |Found device "),
    stages: booting,
    shows: "goes-on",
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
    ...(rank <= bootStages.indexOf("bootloader") ? progressPatterns : []).filter(({ stages }) =>
      stages.includes(stage),
    ),
  ];
  const filter = anyOf(all.map(({ regex }) => regex));
  filters.set(stage, filter);
  return filter;
}
