/**
 * Escape codes that a line of the kernel cuts in two. The one that drew the code goes on with it on a later row, behind the kernel's:
 * `Reached target \x1b[0;1;3[    3.412345] usb 1-1: …` and `9memergency.target`.
 */

/** What of a code stands before a kernel's stamp. All parts are bounded, so matching is linear. */
export const cutByStamp = String.raw`\x1b(?:\[[0-?]{0,32}[ -/]{0,4}|\][^\x07\x1b]{0,256}?)?(?=\[ {0,8}\d{1,8}\.\d{1,9}\])`;

const cutCode = new RegExp(cutByStamp, "g");
const beginsWithStamp = /^\[ {0,8}\d{1,8}\.\d{1,9}\]/;
/** The codes that are drawn inside of a line: colours, the erased rest of it, and the marks of OSC. */
const whole = /^\x1b(?:\[[0-?]{0,32}[mK]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\))/;
/** As many rows may lie between the parts of one code. */
const maxRows = 20;

/** Remembers a code that was cut, and takes its rest off the row that goes on with it. */
export class CutCodes {
  #open = "";
  #rows = 0;

  /** A row as it came, without the rest of a code that an earlier row began. */
  rest(raw: string): string {
    if (this.#open === "" || beginsWithStamp.test(raw)) return raw;
    const code = whole.exec(this.#open + raw.slice(0, 512))?.[0] ?? "";
    return code.length > this.#open.length ? raw.slice(code.length - this.#open.length) : raw;
  }

  /** The same for a row that is finished. */
  take(raw: string): string {
    const row = this.rest(raw);
    if (this.#open !== "" && (!beginsWithStamp.test(raw) || ++this.#rows > maxRows))
      this.#open = "";
    if (!row.includes("\x1b")) return row;
    const open = row.match(cutCode)?.at(-1);
    if (open !== undefined) [this.#open, this.#rows] = [open, 0];
    return row;
  }
}
