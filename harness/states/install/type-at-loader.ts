/**
 * Starts an installer as a person at a serial terminal would: waits for the menu of the ISO's own GRUB, opens the entry in its
 * editor, types behind the line that starts the kernel, and boots that. Each key waits until the screen shows what the one
 * before it did; a keyboard of a BIOS keeps fifteen keys, and what comes beyond is lost.
 */
import { goToKernelLine, openedEditor, typeWords } from "../../machine/console/entry-editor.ts";
import { placesOf, readMenu } from "../../machine/console/grub-screen.ts";
import { keys } from "../../machine/console/keys.ts";
import { goToEntry, keyMs, type TerminalOptions } from "../../machine/console/menu-terminal.ts";
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
  const lines = await terminal.until("the editor of its entry", keyMs, openedEditor);
  await goToKernelLine(terminal, lines);
  await typeWords(terminal, typing.words);
  await terminal.type(keys.bootEdited);
  await terminal.until("the kernel's own words about its command line", stageLimitsMs.loader, () =>
    terminal.kernelGot(typing.words),
  );
  return { entry: titles[chosen] ?? "", usual: titles[menu.chosen] ?? "" };
}
