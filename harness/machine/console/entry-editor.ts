/** GRUB's editor on a serial terminal: each key waits until the screen shows what the one before it did. */
import { CannotTell } from "../../base/errors.ts";
import { type EditorLine, kernelLine, readEditor } from "./grub-screen.ts";
import { keys } from "./keys.ts";
import { keyMs, type LoaderKeys } from "./menu-terminal.ts";
import type { TerminalScreen } from "./terminal-screen.ts";

/** How often the key is pressed that goes to the end of a line. */
const lineEndTries = 2;
/** Keys that are typed before the screen has to show them: a keyboard of a BIOS keeps fifteen. */
export const atOnce = 12;

/** The editor's lines once it is drawn to its end: the cursor goes back to the first of them then. Half a line has another end. */
export function openedEditor(screen: TerminalScreen): readonly EditorLine[] | undefined {
  const lines = readEditor(screen);
  const { row, column } = screen.cursor;
  const [first] = lines ?? [];
  return lines !== null && row === first?.firstRow && column <= first.firstColumn
    ? lines
    : undefined;
}

/** Brings the cursor to the end of the line that starts the kernel. It stands on the first line. */
export async function goToKernelLine(
  terminal: LoaderKeys,
  lines: readonly EditorLine[],
): Promise<void> {
  const target = kernelLine(lines);
  for (const { firstRow } of lines.slice(1, target + 1)) {
    await terminal.type(keys.next);
    await terminal.until("the next line of its editor", keyMs, ({ cursor }) =>
      cursor.row === firstRow ? true : undefined,
    );
  }
  const { lastRow = 0, endColumn = 0 } = lines[target] ?? {};
  const isThere = ({ cursor }: TerminalScreen): true | undefined =>
    cursor.row === lastRow && cursor.column >= endColumn ? true : undefined;
  // A serial console of OVMF has been seen not to show this move within one row. At the end of a line the key does nothing, so it is
  // pressed again; what is typed has to show behind the line's own words all the same, or nothing is booted.
  for (let left = lineEndTries; left > 0 && isThere(terminal.screen) === undefined; left--) {
    await terminal.type(keys.lineEnd);
    await terminal
      .until("the end of the line that starts the kernel", keyMs / 4, isThere)
      .catch(unlessCannotTell);
  }
}

const unlessCannotTell = (error: unknown): void => {
  if (!(error instanceof CannotTell)) throw error;
};

const plain = (text: string): string => text.replace(/ +/g, " ").trim();

/** Types a few keys at a time, and waits until the line shows them. */
export async function typeWords(terminal: LoaderKeys, words: readonly string[]): Promise<void> {
  const shown = (screen: TerminalScreen): string | undefined => {
    const lines = readEditor(screen);
    return lines === null ? undefined : plain(lines[kernelLine(lines)]?.text ?? "");
  };
  let before = await terminal.until("the line that starts the kernel", keyMs, shown);
  for (const word of words) {
    const pieces = [` ${word}`].flatMap(
      (text) => text.match(new RegExp(`.{1,${atOnce}}`, "g")) ?? [],
    );
    for (const piece of pieces) {
      const wanted = before + piece;
      await terminal.type(piece);
      await terminal.until(`'${piece.trim()}', which was typed,`, keyMs, (screen) =>
        shown(screen) === wanted ? true : undefined,
      );
      before = wanted;
    }
  }
}
