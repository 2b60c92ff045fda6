/**
 * The last lines of a console, as a person would want to read them. Lines that redraw each other on one row (progress
 * of start jobs, percentages, menus) leave only the newest, so that a prompt that they draw over stays to be seen.
 */
import type { ConsoleLine } from "./console-lines.ts";

/** As many lines as are kept. */
export const wholeTail = 400;
const maxLineLength = 500;
/** How far back on one row a line of the same shape is looked for: systemd shows its jobs in turn. */
const reach = 12;

interface TailLine {
  readonly text: string;
  readonly lineNumber: number;
}

/** What two drawings of one line share: no times, counters and moving stars. */
const shapeOf = (text: string): string =>
  text
    .slice(0, maxLineLength)
    .replace(/\([^()]{0,60}\)/g, "")
    .replace(/[\d\s*.:%]+|\b(?:min|ms|s|h)\b/g, "");

export class ConsoleTail {
  #lines: TailLine[] = [];

  add({ text, lineNumber }: ConsoleLine): void {
    const kept = { text: text.slice(0, maxLineLength), lineNumber };
    const older = this.#drawnOver(kept);
    if (older >= 0) this.#lines.splice(older, 1);
    this.#lines.push(kept);
    if (this.#lines.length > 2 * wholeTail) this.#lines = this.#lines.slice(-wholeTail);
  }

  /** The newest lines, at most `count`; `unfinished` is what stands on the last row. */
  last(count: number, unfinished: ConsoleLine | null): readonly string[] {
    if (count <= 0) return [];
    const older = unfinished === null ? -1 : this.#drawnOver(unfinished);
    const all = this.#lines.filter((_, index) => index !== older).map(({ text }) => text);
    if (unfinished !== null) all.push(unfinished.text.slice(0, maxLineLength));
    return all.slice(-Math.min(count, wholeTail));
  }

  #drawnOver({ text, lineNumber }: TailLine): number {
    if (this.#lines.at(-1)?.lineNumber !== lineNumber) return -1;
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
