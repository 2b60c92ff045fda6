/** Lines of firmwares (OVMF, SeaBIOS, a disk's boot sector) that end a boot; those of boards are in `patterns-board.ts`. */
import { early, type FatalPattern } from "./console-pattern.ts";

const noDevice = "the firmware found no bootable device";
/**
 * OVMF gives up a boot option. What comes out of the firmware itself (`Fv(…)`: its shell, its menus) is not the disk's: under
 * Secure Boot OVMF refuses its own shell, on an empty disk too.
 */
const optionFailed = "BdsDxe: failed to (?:load|start) (?!.{0,300} from Fv\\()";

export const firmwareFatal: readonly FatalPattern[] = [
  {
    name: "firmware-no-bootable-device",
    regex:
      /^(?:No bootable device\.|BdsDxe: No bootable option|No bootable option or device was found)/,
    meaning: noDevice,
    stages: early,
  },
  {
    name: "firmware-no-bootable-device",
    // A network card's program gives up, and a BIOS goes to what comes next.
    regex: /^PXE-M0F: Exiting/,
    meaning: noDevice,
    stages: early,
    graceMs: 15_000,
  },
  {
    // shim draws a box and waits for a key. What it refuses there is the boot loader, or what that one starts: GRUB asks shim (GRUB 2.14,
    // kern/efi/sb.c; shim's loader protocol).
    name: "secure-boot-refused",
    regex: new RegExp(
      `^(?:${optionFailed}.{0,300}: (?:Access Denied|Security Violation)|.{0,60}Verification failed: \\(0x1A\\) Security Violation|Bootloader has not verified loaded image)`,
    ),
    meaning: "the firmware or shim refused a signature",
    stages: early,
    // OVMF tries the next boot option after it, as after any that it could not load.
    graceMs: 15_000,
  },
  {
    name: "firmware-load-failed",
    // OVMF and SeaBIOS try the next boot option after this line, so a later stage can still come.
    regex: new RegExp(`^(?:${optionFailed}|BdsDxe: No mapping|Boot [Ff]ailed[.:] ?)`),
    meaning: "the firmware could not load the boot loader or the kernel",
    stages: early,
    graceMs: 15_000,
  },
  {
    name: "boot-sector-failed",
    regex:
      /^(?:Missing operating system|Error loading operating system|Operating system not found|Invalid partition table|This is not a bootable disk|Non-[Ss]ystem disk|FATAL: No bootable medium found|GRUB (?:loading ?)?(?:Geom|Read|Hard Disk) Error)/,
    meaning: "the disk's boot sector found no boot loader",
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
];
