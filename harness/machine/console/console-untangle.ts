/**
 * Takes lines apart that share a row. Kernel and systemd write to one serial port without waiting for each other, so a
 * message may begin in the middle of another's line, and the rest of that line then stands on a later row:
 * `[  OK  ] Started plym[    3.412345] BUG: …` and `outh-start.service`. A mark may itself be cut in two.
 */
const marks =
  /(?<!["'`=(])(?:(?:\[ {0,8}\d{1,8}\.\d{1,9}| {1,8}\d{1,8}\.\d{6})\] ?(?:\[ {0,6}[TC]\d{1,8}\] ?)?|\[(?: {1,2}(?:OK|SKIP|TIME|INFO|WARN) {1,2}|FAILED|DEPEND|ABORT|LOCKED|UNSUPP)\])/g;
/** Rows without this have no mark but at their beginning: nearly all. */
const perhapsInside =
  /[^"'`=(]\[(?: {1,8}\d|\d{1,8}\.| {1,2}[A-Z]|[FDALU][A-Z])|[^\s["'`=(] {1,8}\d{1,8}\.\d{6}\]/;
const partOfStamp = /^\[ {0,8}(?:\d{1,8}(?:\.\d{0,9})?)?$/;
const longestStamp = 22;

/** Where a stamp begins that the row's end cut (`[    3.41`); -1 without one. */
function cutStamp(row: string): number {
  const start = row.lastIndexOf("[");
  if (start < 0 || row.length - start >= longestStamp) return -1;
  return partOfStamp.test(row.slice(start)) ? start : -1;
}

/** Nearly every row: one message, and whole. */
const isPlain = (row: string): boolean => cutStamp(row) < 0 && !perhapsInside.test(row);

/** The messages on one row, in order; one for most rows. Text that only quotes a mark is left whole. */
export function segmentsOf(row: string): readonly string[] {
  if (isPlain(row)) return [row];
  const cut = cutStamp(row);
  const starts = [...row.matchAll(marks)].map(({ index }) => index);
  if (cut > 0) starts.push(cut);
  const inner = starts.filter((start) => row.slice(0, start).trim() !== "");
  if (inner.length === 0) return [row];
  return [0, ...inner].map((start, index) => row.slice(start, inner[index]));
}

/** Whether a row begins with a message of its own, not with the rest of one. */
const isMarked = (row: string): boolean => row.search(marks) === 0;

/** How many rows may lie between the halves of a message, and how many halves are kept. */
const maxRows = 20;
const maxHalves = 4;

export class Untangler {
  #halves: { readonly text: string; readonly row: number }[] = [];
  #row = 0;

  /** Everything that a row may say: its messages, and halves of earlier rows with what this one begins with. */
  take(row: string): readonly string[] {
    if (this.#halves.length === 0 && isPlain(row)) {
      this.#row++;
      return [row];
    }
    const { segments, joined } = this.#read(row);
    this.#row++;
    if (joined.length > 0) this.#halves = [];
    const halves = segments.slice(0, -1).filter((text) => text.length <= 500);
    if (cutStamp(row) >= 0) halves.push(segments.at(-1) ?? "");
    if (halves.length > 0) {
      const kept = halves.map((text) => ({ text, row: this.#row }));
      this.#halves = [...this.#halves, ...kept].slice(-maxHalves);
    }
    return [...segments, ...joined];
  }

  /** The same for a row that is not finished; nothing is remembered. */
  look(row: string): readonly string[] {
    const { segments, joined } = this.#read(row);
    return [...segments, ...joined];
  }

  #read(row: string): { readonly segments: readonly string[]; readonly joined: readonly string[] } {
    const segments = segmentsOf(row);
    const oldest = this.#row - maxRows;
    const halves = this.#halves.filter((half) => half.row >= oldest);
    if (halves.length === 0 || isMarked(row)) return { segments, joined: [] };
    const head = segments[0] ?? "";
    return { segments, joined: halves.map(({ text }) => text + head) };
  }
}
