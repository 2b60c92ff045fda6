/** The serial terminal on which a boot loader's menu is shown and typed at: how something is waited for, and what it means when it does not come. */
import { CannotTell } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { waitFor } from "../../base/wait.ts";
import { type Console, timeProves } from "./console.ts";
import { FileFollower } from "./console-follower.ts";
import { type GrubMenu, placesOf, readEditor, readMenu } from "./grub-screen.ts";
import { keys } from "./keys.ts";
import { TerminalScreen } from "./terminal-screen.ts";

/** What of a machine is looked at. */
export interface AtConsole {
  readonly console: Console;
  readonly died: Promise<never>;
}

export interface TerminalOptions {
  /** Whose boot loader it is, in messages: an ISO, a guest. */
  readonly name: string;
  /** Title of the entry; null: the first one. */
  readonly entry: string | null;
  /** How much slower the host is than hardware. */
  readonly scale: number;
  readonly signal: AbortSignal;
  /** Also what was said before. Default: what is said from now on. */
  readonly fromStart?: boolean;
  /** What a person can do where it cannot be typed at. */
  readonly todo?: string | undefined;
}

/** Until one key shows. Milliseconds, scaled by the host's slowness. */
export const keyMs = 10_000;

const lookMs = 100;
const consoleBytes = 64 * 1024 * 1024;

/** A screen, and keys that are waited for on it. */
export interface LoaderKeys {
  readonly screen: TerminalScreen;
  type(text: string): Promise<void>;
  /** Waits until `look` sees something. `limitMs` is for hardware. Throws CannotTell when it does not come. */
  until<T>(
    what: string,
    limitMs: number,
    look: (screen: TerminalScreen) => T | undefined,
  ): Promise<T>;
}

export class MenuTerminal implements LoaderKeys, AsyncDisposable {
  protected readonly machine: AtConsole;
  protected readonly options: TerminalOptions;
  readonly #screen = new TerminalScreen();
  readonly #follower: FileFollower;
  readonly #ends: Promise<never>;
  #isBooting = false;
  #isLeft = false;

  constructor(machine: AtConsole, options: TerminalOptions) {
    this.machine = machine;
    this.options = options;
    this.#follower = new FileFollower(machine.console.path, {
      maxBytes: consoleBytes,
      fromStart: options.fromStart === true,
      onFull: () => undefined,
      onBytes: (bytes) => this.hear(bytes),
    });
    this.#follower.start();
    // A countdown that stands still would be ended by Enter, which starts the default entry.
    machine.console.leaveMenu?.();
    this.#ends = Promise.race([machine.died, machine.console.fatal]);
    this.#ends.catch(() => undefined);
  }

  protected hear(bytes: Uint8Array): void {
    this.#screen.feed(bytes);
  }

  /** Once more in the boot whose menu it is: a restart has forgotten what was said before it. */
  #leaveMenu(): void {
    if (this.#isLeft || this.machine.console.stage !== "bootloader") return;
    this.#isLeft = true;
    this.machine.console.leaveMenu?.();
  }

  /** As it is now; `until` waits for it to change. */
  get screen(): TerminalScreen {
    return this.#screen;
  }

  async type(text: string): Promise<void> {
    this.#isBooting ||= text === keys.bootEdited || text === keys.enter;
    await this.machine.console.type(text);
  }

  /** Waits until `look` sees something. `limitMs` is for hardware. Throws CannotTell when it does not come. */
  until<T>(
    what: string,
    limitMs: number,
    look: (screen: TerminalScreen) => T | undefined,
  ): Promise<T> {
    const { scale, signal } = this.options;
    return waitFor({
      what,
      timeoutMs: limitMs * scale,
      intervalMs: lookMs,
      signal,
      giveUpWhen: this.#ends,
      probe: async () => {
        await this.#follower.catchUp();
        this.#leaveMenu();
        const seen = look(this.#screen);
        if (seen === undefined && !this.#isBooting && timeProves(this.machine.console.stage))
          throw this.#startedByItself();
        return seen;
      },
      onTimeout: () => this.#notSeen(what, limitMs * scale),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower.stop();
  }

  #startedByItself(): CannotTell {
    return new CannotTell(`The boot loader of '${this.options.name}' started an entry by itself.`, {
      details: {
        why: "its menu did not wait until a key could be pressed",
        "to do": this.options.todo,
      },
      lookAt: this.machine.console.path,
    });
  }

  #notSeen(what: string, waitedMs: number): CannotTell {
    const { name, entry, todo } = this.options;
    const shown = this.#screen.rows.filter((row) => row.trim() !== "").slice(-24);
    return new CannotTell(
      `The boot loader of '${name}' could not be typed at: ${what} did not come.`,
      {
        details: {
          waited: formatDuration(waitedMs),
          screen: shown.join("\n") || "empty",
          wanted: entry === null ? undefined : `the entry '${entry}'`,
          why: whyNoMenu(this.#screen, entry),
          "to do": todo,
        },
        lookAt: this.machine.console.path,
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
  if (entry !== null && placesOf(menu, entry).length === 0)
    return "the menu has other entries than the ISO's configuration, or they do not fit on the screen";
  return undefined;
}

/** Goes to the entry of that title, or to the first one, key by key. Returns the menu as it is then. Throws CannotTell where a key does not show. */
export async function goToEntry(
  terminal: LoaderKeys,
  menu: GrubMenu,
  title: string | null,
): Promise<GrubMenu> {
  const target = title === null ? 0 : (placesOf(menu, title)[0] ?? -1);
  let now = menu;
  while (now.chosen !== target) {
    const next = now.chosen + Math.sign(target - now.chosen);
    await terminal.type(next > now.chosen ? keys.next : keys.previous);
    now = await terminal.until("the next entry of the menu", keyMs, (screen) => {
      const shown = readMenu(screen);
      return shown?.chosen === next ? shown : undefined;
    });
  }
  return now;
}
