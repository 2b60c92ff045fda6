/**
 * The last lines of a console, as a person would want to read them. Lines that redraw each other on one row (progress
 * of start jobs, percentages, menus) leave only the newest, so that a prompt that they draw over stays to be seen.
 */
import { systemdVersionIn } from "./came-up.ts";
import { type ConsoleLine, LineSplitter } from "./console-lines.ts";
import { FirmwareWords } from "./firmware-words.ts";

/** As many lines as are kept. */
export const wholeTail = 400;
const maxLineLength = 500;
/** How far back on one row a line of the same shape is looked for: systemd shows its jobs in turn. */
const reach = 12;

interface TailLine {
  readonly text: string;
  readonly lineNumber: number;
  /** Counts the boots that the console has shown. */
  readonly boot: number;
}

/** What two drawings of one line share: no times, counters and moving stars. */
const shapeOf = (text: string): string =>
  text
    .slice(0, maxLineLength)
    .replace(/\([^()]{0,60}\)/g, "")
    .replace(/[\d\s*.:%]+|\b(?:min|ms|s|h)\b/g, "");

/** Cuts what the console says into lines, and keeps the newest of them. */
export class ConsoleTail {
  readonly #splitter = new LineSplitter();
  #lines: TailLine[] = [];
  #boot = 0;
  /** The version of systemd that the current boot has told, or null. */
  systemd: number | null = null;
  /** What firmware and boot loaders of the current boot told of themselves. */
  readonly firmware = new FirmwareWords();

  /** Takes bytes and calls back for each line that they finish, which is kept after that. */
  feed(bytes: Uint8Array, onLine: (line: ConsoleLine) => void): void {
    this.#splitter.feed(bytes, (line) => {
      onLine(line);
      this.#add(line);
    });
  }

  /** What stands on the last row so far; null when it is empty. */
  get unfinished(): ConsoleLine | null {
    return this.#splitter.unfinished();
  }

  /** A boot begins: what was kept is of the one before. A line that shows it, and is told just now, is of the new one. */
  begin(byLine: boolean): void {
    // A prompt stands on the last row without an end.
    const rest = byLine ? null : this.#splitter.cut();
    if (rest !== null) this.#add(rest);
    this.#boot++;
    this.systemd = null;
    this.firmware.begin();
  }

  #add({ text, lineNumber }: ConsoleLine): void {
    const kept = { text: text.slice(0, maxLineLength), lineNumber, boot: this.#boot };
    this.systemd ??= text.includes("systemd ") ? systemdVersionIn(text) : null;
    this.firmware.saw(kept.text);
    const older = this.#drawnOver(kept);
    if (older >= 0) this.#lines.splice(older, 1);
    this.#lines.push(kept);
    if (this.#lines.length > 2 * wholeTail) this.#lines = this.#lines.slice(-wholeTail);
  }

  /** The newest lines, at most `count`, the unfinished one included; `said`: of the current boot alone. */
  last(count: number, of: "all" | "said" = "all"): readonly string[] {
    if (count <= 0) return [];
    const { unfinished } = this;
    const older = unfinished === null ? -1 : this.#drawnOver(unfinished);
    const all = this.#lines
      .filter(({ boot }, index) => index !== older && (of === "all" || boot === this.#boot))
      .map(({ text }) => text);
    if (unfinished !== null) all.push(unfinished.text.slice(0, maxLineLength));
    return all.slice(-Math.min(count, wholeTail));
  }

  #drawnOver({ text, lineNumber }: ConsoleLine): number {
    const last = this.#lines.at(-1);
    if (last?.lineNumber !== lineNumber || last.boot !== this.#boot) return -1;
    const shape = shapeOf(text);
    const from = Math.max(0, this.#lines.length - reach);
    for (let index = this.#lines.length - 1; index >= from; index--) {
      const line = this.#lines[index];
      if (line?.lineNumber !== lineNumber) return -1;
      if (shapeOf(line.text) === shape) return index;
    }
    return -1;
  }
}
