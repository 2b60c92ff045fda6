/**
 * What a serial terminal would show: rows of characters, how they look, and a cursor. Boot loaders draw menus by placing the cursor (ECMA-48),
 * so their lines in the log do not tell what stands where. Bytes come from a guest: size and sequences are bounded.
 */
import { lookOf, penAfter, plainPen } from "./cell-look.ts";

const maxRows = 100;
const maxColumns = 300;
/** A sequence that goes on for longer is not one. */
const maxSequence = 40;

const sequence = /^\x1b(?:\[([0-9;?]{0,30})[ -/]{0,4}([@-~])|[()*+#][ -~]|[^[()*+#])/;

export class TerminalScreen {
  readonly #rows: string[][] = [];
  /** How each of their cells looks; empty for one that nothing was written to. */
  readonly #looks: string[][] = [];
  #pen = plainPen;
  #look = lookOf(plainPen);
  /** The text of each row; undefined where its cells were touched since. Who waits for a key looks after every few bytes. */
  readonly #texts: (string | undefined)[] = [];
  #row = 0;
  #column = 0;
  #rest = Buffer.alloc(0);

  /** Row and column of the cursor, from 0. */
  get cursor(): { readonly row: number; readonly column: number } {
    return { row: this.#row, column: this.#column };
  }

  /** The rows from the top, without what is empty behind their last character. */
  get rows(): readonly string[] {
    return this.#rows.map((cells, row) => {
      const known = this.#texts[row];
      if (known !== undefined) return known;
      const text = cells.join("").trimEnd();
      this.#texts[row] = text;
      return text;
    });
  }

  /** How the cells of a row look, from the left to the last one that was written to; empty for one that was not. A blank may be written too. */
  looksOf(row: number): readonly string[] {
    return this.#looks[row] ?? [];
  }

  /** Takes what the serial line said. */
  feed(bytes: Uint8Array): void {
    // One flat string: what V8 joins of two is looked up slowly, character by character.
    const text = Buffer.concat([this.#rest, bytes]).toString("latin1");
    this.#rest = Buffer.alloc(0);
    for (let at = 0; at < text.length; ) {
      const char = text[at] ?? "";
      if (char === "\x1b") {
        const [whole = "", numbers = "", final = ""] =
          sequence.exec(text.slice(at, at + maxSequence)) ?? [];
        if (whole === "" && text.length - at < maxSequence) {
          this.#rest = Buffer.from(text.slice(at), "latin1");
          return;
        }
        if (final !== "") this.#control(numbers, final);
        at += Math.max(whole.length, 1);
        continue;
      }
      // A BIOS draws boxes in UTF-8, a firmware of UEFI in its own character set: either is one cell.
      const isWide = char >= "\xe2" && char <= "\xef";
      if (isWide && text.length - at < 3) {
        this.#rest = Buffer.from(text.slice(at), "latin1");
        return;
      }
      const box = isWide && /^[\x80-\xbf]{2}$/.test(text.slice(at + 1, at + 3));
      this.#put(box ? "\xb3" : char);
      at += box ? 3 : 1;
    }
  }

  #put(char: string): void {
    if (char === "\r") this.#column = 0;
    else if (char === "\n") this.#down();
    else if (char === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (char >= " " && char !== "\x7f") {
      const cells = this.#cells();
      const looks = this.#looks[this.#row] ?? [];
      for (; cells.length < this.#column; looks.push("")) cells.push(" ");
      cells[this.#column] = char;
      looks[this.#column] = this.#look;
      this.#column = Math.min(maxColumns - 1, this.#column + 1);
    }
  }

  #cells(): string[] {
    while (this.#rows.length <= this.#row) {
      this.#rows.push([]);
      this.#looks.push([]);
    }
    this.#texts[this.#row] = undefined;
    return this.#rows[this.#row] ?? [];
  }

  #down(): void {
    this.#row++;
    if (this.#row < maxRows) return;
    this.#rows.shift();
    this.#texts.shift();
    this.#looks.shift();
    this.#row = maxRows - 1;
  }

  /** Nothing is left of the row from the cursor on. */
  #endRow(): void {
    const end = Math.min(this.#cells().length, this.#column);
    this.#cells().length = end;
    (this.#looks[this.#row] ?? []).length = end;
  }

  #dropRows(from: number): void {
    for (const each of [this.#rows, this.#looks, this.#texts])
      each.length = Math.min(each.length, from);
  }

  #control(numbers: string, final: string): void {
    const [first = Number.NaN, second = Number.NaN] = numbers
      .split(";")
      .map((part) => Number.parseInt(part, 10));
    const count = first > 0 ? first : 1;
    if (final === "H" || final === "f") {
      this.#row = within(count - 1, maxRows);
      this.#column = within((second > 0 ? second : 1) - 1, maxColumns);
    } else if (final === "m") {
      this.#pen = penAfter(this.#pen, numbers);
      this.#look = lookOf(this.#pen);
    } else if (final === "J" && first === 2) this.#dropRows(0);
    else if (final === "J" && !(first > 0)) {
      this.#endRow();
      this.#dropRows(this.#row + 1);
    } else if (final === "K" && !(first > 0)) this.#endRow();
    else if (final === "A") this.#row = within(this.#row - count, maxRows);
    else if (final === "B") this.#row = within(this.#row + count, maxRows);
    else if (final === "C") this.#column = within(this.#column + count, maxColumns);
    else if (final === "D") this.#column = within(this.#column - count, maxColumns);
  }
}

const within = (value: number, end: number): number => Math.max(0, Math.min(end - 1, value));
