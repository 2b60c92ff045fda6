/**
 * Lines of what starts a board before its boot loader (U-Boot, the firmware of a Raspberry Pi), and of a kernel whose card went away. U-Boot's own were
 * seen with 2025.01 on an emulated Raspberry Pi 3, if not said otherwise.
 */
import { booting, early, type FatalPattern, kernel } from "./console-pattern.ts";

const cardFailed = "its card did not answer, or could not be read";
const seeToCard =
  "see whether the card sits in its slot and is worn; a board whose system is not on a card may say this and boot";

const cardFatal: readonly FatalPattern[] = [
  {
    // The second is the memory of a Raspberry Pi 4 and 5 (raspberrypi/rpi-eeprom#282), the third its older models' (raspberrypi/firmware#1817).
    name: "card-unreadable",
    regex:
      /^(?:Card did not respond to voltage select!|mmc fail to send stop cmd|Failed to open device: 'sdcard'|FAT read failed @|No SD card found, try USB)/,
    meaning: cardFailed,
    stages: early,
    graceMs: 60_000,
    blames: "hardware",
    howTo: seeToCard,
  },
  {
    // drivers/mmc/core/sd.c and block/blk-core.c. Not of SDIO, which is a wireless chip.
    name: "card-unreadable",
    regex: kernel(
      "mmc\\d{1,2}: error -\\d{1,4} whilst initialising (?:SD|MMC) card|(?:blk_update_request: |print_req_error: )?I/O error, dev mmcblk\\d",
    ),
    meaning: cardFailed,
    stages: booting,
    graceMs: 60_000,
    blames: "hardware",
    howTo: seeToCard,
  },
  {
    // drivers/mmc/core/bus.c, mmc_remove_card. Said of a wireless chip that is reset as well, after which the system goes on.
    name: "card-removed",
    regex: kernel("mmc\\d{1,2}: card [0-9a-f]{4} removed"),
    meaning: "its card went away while its system started",
    stages: booting,
    graceMs: 60_000,
    proof: "doubtful",
    blames: "hardware",
    howTo: "see whether the card sits in its slot; a bad contact is enough",
  },
];

const piFatal: readonly FatalPattern[] = [
  {
    name: "raspberry-pi-firmware",
    regex:
      /start4?(?:x|cd|db)?\.elf.{0,40}not compatible|start4?(?:x|cd|db)?\.elf: (?:not found|is not compatible)|^The installed operating system \(OS\) does not indicate support for Raspberry Pi/,
    meaning: "the board's firmware files do not fit the board",
    stages: early,
  },
  {
    // The memory of a Raspberry Pi 4 says the first; it looks on its other media then. The second: start.elf, which boots without one.
    name: "raspberry-pi-files",
    regex:
      /^(?:start4?\.elf not found \(|(?:MESS:[\d:.]{1,30}: ?)?(?:Failed to load Device Tree file|dtb_file: file not found))/,
    meaning: "files of the board's firmware are missing on the card",
    stages: early,
    graceMs: 60_000,
  },
];

const uBootFatal: readonly FatalPattern[] = [
  {
    name: "u-boot-prompt",
    regex: /^(?:=>|U-Boot>) ?$/,
    meaning: "U-Boot found nothing to boot and stopped at its prompt",
    stages: early,
    prompt: true,
  },
  {
    // Its boot manager says so before it looks on USB and PCI, which takes its time.
    name: "u-boot-no-loader",
    regex:
      /^(?:Not a PE-COFF file|Loading Boot[0-9A-F]{4} '.{0,200}' failed|EFI boot manager: Cannot load any image|Boot failed \(err=-?\d{1,5}\))/,
    meaning: "U-Boot found no EFI boot loader on the card that it could start",
    stages: early,
    graceMs: 60_000,
  },
  {
    name: "u-boot-no-kernel",
    regex:
      /^(?:Wrong Image Format for boot|Bad Linux ARM64 Image magic|ERROR: can't get kernel image)/,
    meaning: "U-Boot could not load the kernel",
    stages: early,
    graceMs: 15_000,
  },
  {
    // lib/fdtdec.c, lib/efi_loader/efi_helper.c.
    name: "u-boot-no-device-tree",
    regex:
      /^(?:No valid device tree binary found|ERROR: Did not find a cmdline Flattened Device Tree|ERROR: (?:need|invalid|failed to process) device tree|WARNING: Invalid device tree, expect boot to fail)/,
    meaning: "U-Boot has no device tree that it can use",
    stages: early,
    graceMs: 15_000,
  },
  {
    // arch/arm/lib/interrupts_64.c. It says the same of a bad program as of bad memory.
    name: "u-boot-crashed",
    regex:
      /^(?:"(?:Synchronous Abort|Error|(?:Bad )?[A-Za-z ]{1,30})" handler, esr 0x|### ERROR ### Please RESET the board ###)/,
    meaning: "U-Boot, or what it had started, crashed, which bad memory and bad power do as well",
    stages: [...early, "kernel"],
    proof: "doubtful",
    howTo: "see whether the board boots its known-good image: boards health NAME",
  },
];

export const boardFatal: readonly FatalPattern[] = [...cardFatal, ...piFatal, ...uBootFatal];
