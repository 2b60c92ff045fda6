/** The serial terminal on which an ISO's boot loader is typed at: what it shows, how something is waited for, and what it means when it does not come. */
import { CannotTell } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { waitFor } from "../../base/wait.ts";
import { timeProves } from "../../machine/console/console.ts";
import { FileFollower } from "../../machine/console/console-follower.ts";
import { entryOf, readEditor, readMenu } from "../../machine/console/grub-screen.ts";
import { keys } from "../../machine/console/keys.ts";
import { TerminalScreen } from "../../machine/console/terminal-screen.ts";
import type { Machine } from "../../machine/machine.ts";

export interface TerminalOptions {
  /** How the ISO is called in messages. */
  readonly name: string;
  /** Title of the entry; null: the first one. */
  readonly entry: string | null;
  /** How much slower the host is than hardware. */
  readonly scale: number;
  readonly signal: AbortSignal;
}

const lookMs = 100;
const consoleBytes = 64 * 1024 * 1024;
const keptText = 64 * 1024;
const directly = "leave out --installer-boot: the ISO's kernel is then started directly";
const commandLine = /\] (?:Kernel c|C)ommand line: ([^\r\n]*)[\r\n]/;
/** A line of the kernel's ends near 1000 characters (kernel/printk, LOG_LINE_MAX): a longer one proves nothing about its end. */
const wholeLine = 900;

export class LoaderTerminal implements AsyncDisposable {
  readonly #machine: Pick<Machine, "console">;
  readonly #options: TerminalOptions;
  readonly #screen = new TerminalScreen();
  readonly #follower: FileFollower;
  readonly #ends: Promise<never>;
  #said = "";
  #isBooting = false;

  constructor(machine: Machine, options: TerminalOptions) {
    this.#machine = machine;
    this.#options = options;
    this.#follower = new FileFollower(machine.console.path, {
      maxBytes: consoleBytes,
      // The machine is on already.
      fromStart: true,
      onFull: () => undefined,
      onBytes: (bytes) => {
        this.#screen.feed(bytes);
        this.#said = (this.#said + Buffer.from(bytes).toString("latin1")).slice(-keptText);
      },
    });
    this.#follower.start();
    // A countdown that stands still would be ended by Enter, which starts the default entry.
    machine.console.leaveMenu?.();
    this.#ends = Promise.race([machine.died, machine.console.fatal]);
    this.#ends.catch(() => undefined);
  }

  /** As it is now; `until` waits for it to change. */
  get screen(): TerminalScreen {
    return this.#screen;
  }

  async type(text: string): Promise<void> {
    this.#isBooting ||= text === keys.bootEdited;
    await this.#machine.console.type(text);
  }

  /** Waits until `look` sees something. `limitMs` is for hardware. Throws CannotTell when it does not come. */
  until<T>(
    what: string,
    limitMs: number,
    look: (screen: TerminalScreen) => T | undefined,
  ): Promise<T> {
    const { scale, signal } = this.#options;
    return waitFor({
      what,
      timeoutMs: limitMs * scale,
      intervalMs: lookMs,
      signal,
      giveUpWhen: this.#ends,
      probe: async () => {
        await this.#follower.catchUp();
        const seen = look(this.#screen);
        if (seen === undefined && !this.#isBooting && timeProves(this.#machine.console.stage))
          throw this.#startedByItself();
        return seen;
      },
      onTimeout: () => this.#notSeen(what, limitMs * scale),
    });
  }

  /** True once the kernel has told its command line with each of the words; throws CannotTell where one is not there. */
  kernelGot(words: readonly string[]): true | undefined {
    const told = commandLine.exec(this.#said)?.[1];
    if (told === undefined) return undefined;
    const got = new Set(told.split(" "));
    const lost = words.filter((word) => !got.has(word));
    if (lost.length === 0 || told.length > wholeLine) return true;
    throw new CannotTell(
      `The kernel of '${this.#options.name}' did not get what was typed at its boot loader.`,
      {
        details: { lost: lost.join(" "), "it got": told },
        lookAt: this.#machine.console.path,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower.stop();
  }

  #startedByItself(): CannotTell {
    return new CannotTell(
      `The boot loader of '${this.#options.name}' started an entry by itself.`,
      {
        details: {
          why: "its menu did not wait until a key could be pressed",
          "to do": directly,
        },
        lookAt: this.#machine.console.path,
      },
    );
  }

  #notSeen(what: string, waitedMs: number): CannotTell {
    const { name, entry } = this.#options;
    const shown = this.#screen.rows.filter((row) => row.trim() !== "").slice(-24);
    return new CannotTell(
      `The boot loader of '${name}' could not be typed at: ${what} did not come.`,
      {
        details: {
          waited: formatDuration(waitedMs),
          screen: shown.join("\n") || "empty",
          wanted: entry === null ? undefined : `the entry '${entry}'`,
          why: whyNoMenu(this.#screen, entry),
          "to do": directly,
        },
        lookAt: this.#machine.console.path,
      },
    );
  }
}

/** What a screen without the entry tells. */
function whyNoMenu(screen: TerminalScreen, entry: string | null): string | undefined {
  if (readEditor(screen) !== null) return undefined;
  const menu = readMenu(screen);
  if (menu === null)
    return "no menu of GRUB is on the serial port: isolinux, and a GRUB that draws in graphics, do not show theirs there";
  if (entry !== null && entryOf(menu, entry) === -1)
    return "the menu has other entries than the ISO's configuration, or they do not fit on the screen";
  return undefined;
}
