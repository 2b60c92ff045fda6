/** The serial terminal on which an ISO's boot loader is typed at: its menu, and what its kernel says that it got. */
import { CannotTell } from "../../base/errors.ts";
import { MenuTerminal, type TerminalOptions } from "../../machine/console/menu-terminal.ts";
import type { Machine } from "../../machine/machine.ts";

const keptText = 64 * 1024;
const directly = "leave out --installer-boot: the ISO's kernel is then started directly";
const commandLine = /\] (?:Kernel c|C)ommand line: ([^\r\n]*)[\r\n]/;
/** A line of the kernel's ends near 1000 characters (kernel/printk, LOG_LINE_MAX): a longer one proves nothing about its end. */
const wholeLine = 900;

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
    const told = commandLine.exec(this.#said)?.[1];
    if (told === undefined) return undefined;
    const got = new Set(told.split(" "));
    const lost = words.filter((word) => !got.has(word));
    if (lost.length === 0 || told.length > wholeLine) return true;
    throw new CannotTell(
      `The kernel of '${this.options.name}' did not get what was typed at its boot loader.`,
      {
        details: { lost: lost.join(" "), "it got": told },
        lookAt: this.machine.console.path,
      },
    );
  }
}
