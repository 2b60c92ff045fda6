/**
 * Starts an installer as a person at a serial terminal would: waits for the menu of the ISO's own GRUB, opens the entry in its
 * editor, types behind the line that starts the kernel, and boots that. Each key waits until the screen shows what the one
 * before it did; a keyboard of a BIOS keeps fifteen keys, and what comes beyond is lost.
 */
import { CannotTell } from "../../base/errors.ts";
import {
  type EditorLine,
  kernelLine,
  placesOf,
  readEditor,
  readMenu,
} from "../../machine/console/grub-screen.ts";
import { keys } from "../../machine/console/keys.ts";
import { goToEntry, keyMs, type TerminalOptions } from "../../machine/console/menu-terminal.ts";
import type { TerminalScreen } from "../../machine/console/terminal-screen.ts";
import type { Machine } from "../../machine/machine.ts";
import { stageLimitsMs } from "./installer-stages.ts";
import { LoaderTerminal } from "./loader-terminal.ts";

export interface LoaderTyping extends TerminalOptions {
  /** What is typed behind the entry's own words. */
  readonly words: readonly string[];
}

export interface Typed {
  /** Title of the entry that was started, as the menu shows it. */
  readonly entry: string;
  /** Title of the one that would have been started by itself. */
  readonly usual: string;
}

/** How often the key is pressed that goes to the end of a line. */
const lineEndTries = 2;
/** Keys that are typed before the screen has to show them. */
const atOnce = 12;

/**
 * Types and boots; returns once the kernel has told that it got each word. Throws CannotTell where no menu comes, where the menu
 * or its editor is not as expected, and where a word is lost; what the console or the machine ends with meanwhile is thrown as it is.
 */
export async function typeAtLoader(machine: Machine, typing: LoaderTyping): Promise<Typed> {
  await using terminal = new LoaderTerminal(machine, typing);
  const menu = await terminal.until(
    "its menu",
    stageLimitsMs.firmware + stageLimitsMs.loader,
    (screen) => {
      const shown = readMenu(screen);
      return shown !== null && (typing.entry === null || placesOf(shown, typing.entry).length > 0)
        ? shown
        : undefined;
    },
  );
  const { titles, chosen } = await goToEntry(terminal, menu, typing.entry);
  await terminal.type("e");
  const lines = await terminal.until(
    "the editor of its entry",
    keyMs,
    (screen) => readEditor(screen) ?? undefined,
  );
  await goToKernelLine(terminal, lines);
  await typeWords(terminal, typing.words);
  await terminal.type(keys.bootEdited);
  await terminal.until("the kernel's own words about its command line", stageLimitsMs.loader, () =>
    terminal.kernelGot(typing.words),
  );
  return { entry: titles[chosen] ?? "", usual: titles[menu.chosen] ?? "" };
}

/** Brings the cursor to the end of the line that starts the kernel. It stands on the first line. */
async function goToKernelLine(
  terminal: LoaderTerminal,
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
async function typeWords(terminal: LoaderTerminal, words: readonly string[]): Promise<void> {
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
