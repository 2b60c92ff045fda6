/**
 * What U-Boot 2025.01 (Debian's 2025.01-3+deb13u1, `rpi_3`) said on QEMU 10.0.2's `raspi3b` in November 2026, cut to what matters: a card without a boot
 * loader, with one that is not a program and one that crashes, and no card. Words of other boards and of Linux are from the places that
 * `harness/machine/console/patterns-board.ts` names.
 */
const lines = (...all: readonly string[]): string => all.map((line) => `${line}\r\n`).join("");

const banner = lines(
  "",
  "U-Boot 2025.01-3+deb13u1 (Jun 24 2026 - 09:07:15 +0000)",
  "",
  "DRAM:  960 MiB",
  "RPI 3 Model B (0xa02082)",
  "Core:  67 devices, 13 uclasses, devicetree: board",
  "MMC:   mmc@7e202000: 0, mmc@7e300000: 1",
);
const environment = lines(
  'Loading Environment from FAT... Unable to read "uboot.env" from mmc0:1... ',
);
const autoboot = lines(
  "In:    serial,usbkbd",
  "Net:   No ethernet found.",
  "starting USB...",
  "       scanning usb for storage devices... 0 Storage Device(s) found",
  "Hit any key to stop autoboot:  2 \b\b\b 1 \b\b\b 0 ",
);
const good = banner + environment + autoboot;
const efi = lines(
  "MMC: no card present",
  "Failed to load EFI variables",
  "** Booting bootflow '<NULL>' with efi_mgr",
);
const prompt = `${lines("MMC: no card present", "No ethernet found.")}U-Boot> `;
const noAnswer = lines(
  "WARNING at drivers/mmc/bcm2835_sdhost.c:414/bcm2835_send_command()!",
  "Card did not respond to voltage select! : -110",
);

export const uBoot = {
  /** As far as GRUB's menu, which follows. */
  starts: good + efi + lines("Booting: mmc 0"),
  noLoader:
    good +
    efi +
    lines(
      "Loading Boot0000 'mmc 0' failed",
      "EFI boot manager: Cannot load any image",
      "Boot failed (err=-14)",
    ) +
    prompt,
  badLoader: good + efi + lines("Not a PE-COFF file", "Loading Boot0000 'mmc 0' failed") + prompt,
  crash:
    good +
    efi +
    lines(
      "Booting: mmc 0",
      '"Synchronous Abort" handler, esr 0x02000000, far 0x0',
      "UEFI image [0x000000003ab02000:0x000000003ab031ff] pc=0x1000 '/\\EFI\\BOOT\\BOOTAA64.EFI'",
      "Resetting CPU ...",
      "",
      "resetting ...",
    ) +
    banner,
  noCard:
    banner +
    noAnswer +
    lines("** Bad device specification mmc 0 **") +
    autoboot +
    noAnswer +
    prompt,
  noDeviceTree: lines(
    "",
    "U-Boot 2025.01-3+deb13u1 (Jun 24 2026 - 09:07:15 +0000)",
    "",
    "No valid device tree binary found at 0000000000000000",
    "### ERROR ### Please RESET the board ###",
  ),
} as const;

const kernel = `${good}${lines(
  "Booting: mmc 0",
  "  Booting `Linux'",
  "EFI stub: Booting Linux Kernel...",
  "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd034]",
  "[    0.000000] Linux version 6.12.0 (gcc) #1 SMP",
)}`;

export const linux = {
  cardRemoved: `${kernel}${lines("[   12.300000] mmc0: card aaaa removed")}`,
  cardUnreadable: `${kernel}${lines(
    "[    9.100000] I/O error, dev mmcblk0, sector 155648 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
    '[    9.200000] VFS: Cannot open root device "mmcblk0p3" or unknown-block(179,3): error -5',
    "[    9.300000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(179,3)",
  )}`,
} as const;

/** A Raspberry Pi 4 without a card, as its memory says it (raspberrypi/rpi-eeprom). */
export const raspberryPi4 = lines(
  "RPi: BOOTLOADER release VERSION:8ba17717 DATE: 2023/01/11 TIME: 17:40:52",
  "Boot mode: SD (01) order f4",
  "Failed to open device: 'sdcard' (cmd 371a0010 status 1fff0001)",
);
