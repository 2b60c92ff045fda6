/**
 * GRUB's menu and its editor, read from the screen of a serial terminal (grub-core/normal: menu_text.c, menu_entry.c). The
 * chosen entry has an asterisk; a line of the editor that is too long for a row ends in a backslash there. Pure.
 */
import type { TerminalScreen } from "./terminal-screen.ts";

type Screen = Pick<TerminalScreen, "rows" | "cursor">;

export interface GrubMenu {
  /** From the top, as far as the screen shows them. A title may be cut. */
  readonly titles: readonly string[];
  /** Which of them is chosen. */
  readonly chosen: number;
  /** Characters that a row has for a title. */
  readonly width: number;
}

/** A line of the editor, whole. */
export interface EditorLine {
  readonly text: string;
  /** Rows of the screen, from 0. */
  readonly firstRow: number;
  readonly lastRow: number;
  /** The column behind its last character, in its last row. */
  readonly endColumn: number;
}

/** Where GRUB's box begins to have content: behind a margin and the border. */
export const contentColumn = 2;
const border = /^(?:[^\x20-\x7e]{10,}|[/+\\]-{10,}[/+\\]?)$/;

interface Box {
  readonly firstRow: number;
  readonly content: string[];
  /** Between its borders, in characters. */
  readonly width: number;
}

/** What stands in the box, by row; null where there is none. */
function boxOf({ rows }: Screen): Box | null {
  const title = rows.findIndex((row) => /\bGNU GRUB\b/.test(row));
  if (title === -1) return null;
  const top = rows.findIndex((row, at) => at > title && border.test(row.trim()));
  const bottom = rows.findIndex((row, at) => at > top && border.test(row.trim()));
  if (top === -1 || bottom === -1) return null;
  const content = rows
    .slice(top + 1, bottom)
    .map((row) => row.slice(contentColumn).replace(/[ |]*[^\x20-\x7e]{0,4}$/, ""));
  return { firstRow: top + 1, content, width: (rows[top] ?? "").trim().length - 2 };
}

/** The menu, or null where the screen does not show one that is drawn to its end. */
export function readMenu(screen: Screen): GrubMenu | null {
  const box = boxOf(screen);
  if (box === null || readEditor(screen) !== null) return null;
  const shown = box.content.filter((row) => row.trim() !== "");
  const chosen = shown.findIndex((row) => row.startsWith("*"));
  if (chosen === -1 || shown.filter((row) => row.startsWith("*")).length > 1) return null;
  // The first character of a row is for the asterisk.
  return { titles: shown.map((row) => row.slice(1).trim()), chosen, width: box.width - 1 };
}

/**
 * Places of the entries that can have that title: the one that shows it, if one alone does; otherwise those that show it first, then
 * those that are cut, since a title that reaches the end of its row may go on. A shorter one may still be being drawn.
 */
export function placesOf({ titles, width }: GrubMenu, title: string): readonly number[] {
  const places = (fits: (shown: string) => boolean): number[] =>
    titles.flatMap((shown, place) => (fits(shown) ? [place] : []));
  const whole = places((shown) => shown === title);
  if (whole.length === 1) return whole;
  const cut = places(
    (shown) =>
      shown !== title &&
      shown.length >= width - 4 &&
      title.startsWith(shown.replace(/\.{2,3}$/, "")),
  );
  return [...whole, ...cut];
}

const startsKernel = /^[ \t]*linux(?:16|efi)?[ \t]+\S/;

/** The editor's lines, or null where the screen does not show one with a line that starts a kernel. */
export function readEditor(screen: Screen): readonly EditorLine[] | null {
  const box = boxOf(screen);
  if (box === null) return null;
  const lines: EditorLine[] = [];
  for (let at = 0; at < box.content.length; at++) {
    const firstRow = box.firstRow + at;
    let text = box.content[at] ?? "";
    while (text.endsWith("\\") && at + 1 < box.content.length)
      text = text.slice(0, -1) + (box.content[++at] ?? "");
    const endColumn = contentColumn + (box.content[at] ?? "").length;
    lines.push({ text, firstRow, lastRow: box.firstRow + at, endColumn });
  }
  return lines.some(({ text }) => startsKernel.test(text)) ? lines : null;
}

/** Which line starts the kernel; -1 where none does. */
export const kernelLine = (lines: readonly EditorLine[]): number =>
  lines.findIndex(({ text }) => startsKernel.test(text));
