/**
 * Bytes from a serial line made into clean lines. What arrives is hostile: escape codes, redraws, binary, megabytes
 * without a line end. So a line is cut at a cap, pieces overlap a little (a pattern across the cut is still seen), and
 * the unfinished rest can be looked at, because prompts such as `grub rescue> ` never end in a newline.
 */
import { StringDecoder } from "node:string_decoder";
import { CutCodes, cutByStamp } from "./cut-codes.ts";

export interface ConsoleLine {
  /** Without escape codes and control characters; never empty. */
  readonly text: string;
  /** 1-based number of the line in the console log (counted by newlines). */
  readonly lineNumber: number;
}

/** Characters of one line that are kept together; longer lines are looked at in pieces of this length. */
export const maxLineLength = 4096;
const overlap = 256;

// ECMA-48 control sequences, OSC strings, two-character escapes and lone control characters. All parts are bounded, so
// matching is linear. A code that a line of the kernel cuts ends there.
const invisible = new RegExp(
  `${cutByStamp}|${/\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)?|[()*+][0-9A-Za-z]|[ -~]?)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.source}`,
  "g",
);
const anyControl = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
// A cursor that is placed elsewhere starts what a person sees as another line (GRUB and firmware menus draw this way).
const cursorMove = /^\x1b\[[0-9;]{0,16}[HfEF]$/;

/** The lines a person would see in `line`: escape codes gone, split where the cursor returns. Empty ones are left out. */
export function cleanLine(line: string): string[] {
  // Serial lines end in CR LF; without this nearly every line would take the slow way.
  const raw = line.endsWith("\r") ? line.slice(0, -1) : line;
  if (!anyControl.test(raw)) return raw.trim() === "" ? [] : [raw];
  const seen = raw.replace(invisible, (code) => (cursorMove.test(code) ? "\r" : ""));
  if (!seen.includes("\r")) return seen.trim() === "" ? [] : [seen];
  return seen.split("\r").filter((part) => part.trim() !== "");
}

const anyReturn = /\r|\x1b\[[0-9;]{0,16}[HfEF]/g;

/** Where the cursor last left what stands before; 0 when it never did. A return at the very end may belong to a newline. */
function lastReturn(text: string): number {
  let last = 0;
  for (const { index } of text.matchAll(anyReturn)) if (index < text.length - 1) last = index;
  return last;
}

/** Cuts a stream of bytes into clean lines with bounded memory. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #codes = new CutCodes();
  #rest = "";
  #newlines = 0;

  /** Takes bytes and calls back for each finished line. */
  feed(bytes: Uint8Array, onLine: (line: ConsoleLine) => void): void {
    const text =
      this.#rest + this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
      this.#emit(text.slice(from, end), onLine);
      this.#newlines++;
      from = end + 1;
    }
    this.#rest = text.slice(from);
    // What is drawn over is finished: a prompt is seen although a progress line takes its place.
    const drawnOver = lastReturn(this.#rest);
    if (drawnOver > 0) {
      this.#emit(this.#rest.slice(0, drawnOver), onLine);
      this.#rest = this.#rest.slice(drawnOver);
    }
    while (this.#rest.length > maxLineLength) {
      this.#emit(this.#rest.slice(0, maxLineLength), onLine);
      this.#rest = this.#rest.slice(maxLineLength - overlap);
    }
  }

  /** What stands on the last line so far, cleaned; null when it is empty. */
  unfinished(): ConsoleLine | null {
    const text = this.#rest === "" ? undefined : cleanLine(this.#codes.rest(this.#rest)).at(-1);
    return text === undefined ? null : { text, lineNumber: this.#newlines + 1 };
  }

  /** Takes the unfinished line away, as if it had ended here. */
  cut(): ConsoleLine | null {
    const line = this.unfinished();
    this.#rest = "";
    return line;
  }

  #emit(row: string, onLine: (line: ConsoleLine) => void): void {
    const raw = this.#codes.take(row);
    const lineNumber = this.#newlines + 1;
    for (let from = 0; from < raw.length; from += maxLineLength - overlap) {
      const piece = raw.length <= maxLineLength ? raw : raw.slice(from, from + maxLineLength);
      for (const text of cleanLine(piece)) onLine({ text, lineNumber });
      if (from + maxLineLength >= raw.length) return;
    }
  }
}
