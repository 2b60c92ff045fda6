/** Keys that are not letters, as a serial terminal sends them (ECMA-48; what GRUB, firmware and shells understand). */
export const keys = {
  enter: "\r",
  escape: "\x1b",
  up: "\x1b[A",
  down: "\x1b[B",
  /** To the end of a line, in GRUB's editor and in shells. */
  lineEnd: "\x05",
  /** Boots what GRUB's editor shows. */
  bootEdited: "\x18",
  endOfInput: "\x04",
  interrupt: "\x03",
} as const;
