/** What a machine's firmware and boot loaders tell of themselves on the console: names and versions, for the report. */

/** Longer versions are somebody's text. */
const version = String.raw`([A-Za-z0-9][A-Za-z0-9.+~_-]{0,60})`;

/** Each once in a boot: the name for people, and the line's beginning that has the version behind it. */
const tells: readonly (readonly [name: string, regex: RegExp])[] = [
  ["Raspberry Pi bootloader", new RegExp(`^RPi: BOOTLOADER release VERSION:${version}`)],
  ["Trusted Firmware-A", /^NOTICE: {1,4}BL31: (v\d[A-Za-z0-9.+~_()-]{0,60})/],
  ["U-Boot SPL", new RegExp(`^U-Boot SPL ${version}`)],
  ["U-Boot", new RegExp(`^U-Boot (?!SPL)${version}`)],
  ["EDK2", new RegExp(`^UEFI firmware \\(version ${version}`)],
  ["SeaBIOS", new RegExp(`^SeaBIOS \\(version ${version}`)],
  ["GRUB", new RegExp(`GNU GRUB {1,4}version ${version}`)],
  // board/raspberrypi/rpi/rpi.c: the model and its revision.
  ["board", /^(RPI .{1,40} \(0x[0-9a-f]{1,8}\))/],
];

/** Follows one boot. */
export class FirmwareWords {
  #found = new Map<string, string>();

  begin(): void {
    this.#found.clear();
  }

  /** Takes a line that came before the kernel. */
  saw(text: string): void {
    for (const [name, regex] of tells) {
      const found = regex.exec(text)?.[1];
      if (found !== undefined && !this.#found.has(name)) this.#found.set(name, found);
    }
  }

  /** `U-Boot 2025.01`, `GRUB 2.12`, in the order in which they came. */
  get said(): readonly string[] {
    return [...this.#found].map(([name, found]) => `${name} ${found}`);
  }
}
