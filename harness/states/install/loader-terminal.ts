/** The serial terminal on which an ISO's boot loader is typed at: its menu, and what its kernel says that it got. */
import { CannotTell } from "../../base/errors.ts";
import { commandLineTold, lostWords } from "../../machine/console/kernel-words.ts";
import { MenuTerminal, type TerminalOptions } from "../../machine/console/menu-terminal.ts";
import type { Machine } from "../../machine/machine.ts";

const keptText = 64 * 1024;
const directly = "leave out --installer-boot: the ISO's kernel is then started directly";
export class LoaderTerminal extends MenuTerminal {
  #said = "";

  constructor(machine: Machine, options: Omit<TerminalOptions, "fromStart" | "todo">) {
    // The machine is on already.
    super(machine, { ...options, fromStart: true, todo: directly });
  }

  protected override hear(bytes: Uint8Array): void {
    super.hear(bytes);
    this.#said = (this.#said + Buffer.from(bytes).toString("latin1")).slice(-keptText);
  }

  /** True once the kernel has told its command line with each of the words; throws CannotTell where one is not there. */
  kernelGot(words: readonly string[]): true | undefined {
    const told = commandLineTold(this.#said);
    if (told === null) return undefined;
    const lost = lostWords(told, words);
    if (lost.length === 0) return true;
    throw new CannotTell(
      `The kernel of '${this.options.name}' did not get what was typed at its boot loader.`,
      {
        details: { lost: lost.join(" "), "it got": told },
        lookAt: this.machine.console.path,
      },
    );
  }
}
