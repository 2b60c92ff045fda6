/**
 * Escape codes in what a guest prints, for all who take them out. Node's `stripVTControlCharacters` and strip-ansi leave
 * parts of what a guest may send (window titles with a space in them, sequences that do not end), so this expression is
 * ours; ADR 8 has what was tried. All its parts are bounded or cannot overlap, so it takes linear time.
 */

/** ECMA-48 control sequences, strings (OSC, DCS, PM, APC, SOS) up to their end or 4096 characters, and two-character escapes. */
export const escapeCodes =
  /\u001b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\u0007\u001b\n]{0,4096}(?:\u0007|\u001b\\)?|[ -/]{0,8}[0-~])|\u009b[0-?]{0,64}[ -/]{0,8}[@-~]/gu;
