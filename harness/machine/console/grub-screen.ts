/**
 * GRUB's menu and its editor, read from the screen of a serial terminal (grub-core/normal: menu_text.c, menu_entry.c). In GRUB's own form both
 * stand in a box below its version, and the chosen entry has an asterisk. In Fedora's and RHEL's (rhboot/grub2, the patches "Don't draw a border
 * around the menu", "Don't print GNU GRUB header", "Don't add '*' to highlighted row", "Indent menu entries") there is neither: the chosen entry
 * only looks different. A line of the editor that is too long for a row ends in a backslash there. Pure.
 */
import type { TerminalScreen } from "./terminal-screen.ts";

type Screen = Pick<TerminalScreen, "rows" | "cursor" | "looksOf">;

export interface GrubMenu {
  /** From the top, as far as the screen shows them. A title may be cut. */
  readonly titles: readonly string[];
  /** Which of them is chosen. */
  readonly chosen: number;
  /** Characters that a row has for a title; null where the screen does not show that. */
  readonly width: number | null;
}

/** A line of the editor, whole. */
export interface EditorLine {
  readonly text: string;
  /** Rows of the screen, from 0. */
  readonly firstRow: number;
  readonly lastRow: number;
  /** The column where its rows begin. */
  readonly firstColumn: number;
  /** The column behind its last character, in its last row. */
  readonly endColumn: number;
}

const version = /\bGNU GRUB\b/;
const border = /^(?:[^\x20-\x7e]{10,}|[/+\\]-{10,}[/+\\]?)$/;
/** What stands below a menu and below an editor without a box. */
const belowMenu = /\bkeys to change the selection\./;
const belowEditor = /^ *Press Ctrl-x (?:or F10 )?to start/;
/** Rows that stay empty above what has no box. */
const emptyRows = 3;

/** Where entries, or the lines of one, stand. */
interface Area {
  readonly firstRow: number;
  readonly firstColumn: number;
  /** By row, without what is empty at its end. */
  readonly content: readonly string[];
}

/** What stands in the box, and its width in characters; null where there is none. */
function boxOf({ rows }: Screen): (Area & { readonly width: number }) | null {
  const title = rows.findIndex((row) => version.test(row));
  if (title === -1) return null;
  const top = rows.findIndex((row, at) => at > title && border.test(row.trim()));
  const bottom = rows.findIndex((row, at) => at > top && border.test(row.trim()));
  if (top === -1 || bottom === -1) return null;
  const line = rows[top] ?? "";
  const firstColumn = line.search(/\S/) + 1;
  const end = line.endsWith("-") ? line.length : line.length - 1;
  // Behind the box an arrow shows that there is more. OVMF draws its sides side by side until a row is written.
  const content = rows
    .slice(top + 1, bottom)
    .map((row) => row.slice(firstColumn, end).replace(/ *[^\x20-\x7e]{0,4}$/, ""));
  return { firstRow: top + 1, firstColumn, content, width: end - firstColumn };
}

/** What stands above the row with those words, where nothing is around it. */
function openAreaOf(screen: Screen, below: RegExp): Area | null {
  const { rows } = screen;
  const end = rows.findIndex((row) => below.test(row));
  if (end === -1) return null;
  const all = rows.slice(0, end).map((row) => (version.test(row) ? "" : row));
  const first = all.findIndex((row) => row !== "");
  if (first === -1) return null;
  const firstRow = Math.min(first, emptyRows);
  // The last column is for an arrow that shows that there is more.
  const width = Math.max(...all.map((_, row) => screen.looksOf(row).length));
  const content = all
    .slice(firstRow)
    .map((row) =>
      row.length < width ? row : row.replace(/(?<=[ >\\\xb3])[\^v\xb3]$/, "").trimEnd(),
    );
  return { firstRow, firstColumn: 0, content };
}

/** The menu, or null where the screen does not show one whose chosen entry is drawn. */
export function readMenu(screen: Screen): GrubMenu | null {
  if (readEditor(screen) !== null) return null;
  const box = boxOf(screen);
  return box === null ? openMenu(screen) : menuInBox(box);
}

function menuInBox(box: Area & { readonly width: number }): GrubMenu | null {
  const shown = box.content.filter((row) => row.trim() !== "");
  const chosen = shown.findIndex((row) => row.startsWith("*"));
  if (chosen === -1 || shown.filter((row) => row.startsWith("*")).length > 1) return null;
  // The first character of a row is for the asterisk.
  return { titles: shown.map((row) => row.slice(1).trim()), chosen, width: box.width - 1 };
}

/** The chosen entry is the only one that looks different from most rows, those without an entry included: an image may set the menu's colours. */
function openMenu(screen: Screen): GrubMenu | null {
  const area = openAreaOf(screen, belowMenu);
  if (area === null) return null;
  const { rows } = screen;
  const look = (row: number): string =>
    screen.looksOf(row)[Math.max(0, (rows[row] ?? "").search(/\S/))] ?? "";
  const list = area.content.map((text, at) => ({
    title: text.trim(),
    look: look(area.firstRow + at),
  }));
  const usual = mostOf([look(area.firstRow + list.length), ...list.map((row) => row.look)]);
  const shown = list.filter(({ title }) => title !== "");
  const chosen = shown.findIndex((row) => row.look !== usual);
  if (chosen === -1 || shown.filter((row) => row.look !== usual).length > 1) return null;
  return { titles: shown.map(({ title }) => title), chosen, width: null };
}

/** What is there most often, apart from what is empty; the first of them where several are. */
function mostOf(all: readonly string[]): string | undefined {
  const known = all.filter((one) => one !== "");
  const times = known.map((one) => known.filter((other) => other === one).length);
  return known[times.indexOf(Math.max(...times))];
}

const cutMark = /(?:\.{2,3}|[>\xb3])$/;

/**
 * Places of the entries that can have that title: the one that shows it, if one alone does; otherwise those that show it first, then
 * those that are cut, since a title that reaches the end of its row, or ends in an arrow (a `>` in ASCII), may go on. A shorter one may still be
 * being drawn.
 */
export function placesOf({ titles, width }: GrubMenu, title: string): readonly number[] {
  const places = (fits: (shown: string) => boolean): number[] =>
    titles.flatMap((shown, place) => (fits(shown) ? [place] : []));
  const whole = places((shown) => shown === title);
  if (whole.length === 1) return whole;
  const cut = places(
    (shown) =>
      shown !== title &&
      (cutMark.test(shown) || (width !== null && shown.length >= width - 4)) &&
      title.startsWith(shown.replace(cutMark, "")),
  );
  return [...whole, ...cut];
}

const startsKernel = /^[ \t]*linux(?:16|efi)?[ \t]+\S/;

/** The editor's lines, or null where the screen does not show one with a line that starts a kernel. */
export function readEditor(screen: Screen): readonly EditorLine[] | null {
  const area = boxOf(screen) ?? openAreaOf(screen, belowEditor);
  if (area === null) return null;
  const { content, firstColumn } = area;
  const lines: EditorLine[] = [];
  for (let at = 0; at < content.length; at++) {
    const firstRow = area.firstRow + at;
    let text = content[at] ?? "";
    while (text.endsWith("\\") && at + 1 < content.length)
      text = text.slice(0, -1) + (content[++at] ?? "");
    const endColumn = firstColumn + (content[at] ?? "").length;
    lines.push({ text, firstRow, lastRow: area.firstRow + at, firstColumn, endColumn });
  }
  return lines.some(({ text }) => startsKernel.test(text)) ? lines : null;
}

/** Which line starts the kernel; -1 where none does. */
export const kernelLine = (lines: readonly EditorLine[]): number =>
  lines.findIndex(({ text }) => startsKernel.test(text));
