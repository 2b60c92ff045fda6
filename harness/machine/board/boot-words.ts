/**
 * Words on the kernel's command line of every boot of a board, typed at GRUB as a person at its serial console would. They are kept in
 * a variable, set at GRUB's prompt in short lines, so that the entry itself, which may fill a small screen, gets one word more.
 * Each key is seen on the screen before the next: that, and not what a kernel tells of its command line, proves that nothing was lost.
 */
import { type Deviation, deviation } from "../../base/deviations.ts";
import { BootgateError, CannotTell, MachineFault, messageOf } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { waitFor } from "../../base/wait.ts";
import { timeProves } from "../console/console.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import { atOnce, goToKernelLine, openedEditor } from "../console/entry-editor.ts";
import { kernelLine, readEditor, readMenu } from "../console/grub-screen.ts";
import { keys } from "../console/keys.ts";
import { goToEntry, keyMs, type LoaderKeys } from "../console/menu-terminal.ts";
import { TerminalScreen } from "../console/terminal-screen.ts";
import { commandLineBytes, settingLines, variable } from "./kernel-credentials.ts";

export interface BootWordsOptions {
  /** Of the board, in messages. */
  readonly board: string;
  readonly console: Pick<
    ConsoleLog,
    "path" | "stage" | "type" | "giveUp" | "onRestart" | "isMenuTaken"
  >;
  readonly words: readonly string[];
  /** Names of the credentials among them, for the report. */
  readonly names: readonly string[];
  /** How much slower the board is than hardware: more than 1 for an emulated one. */
  readonly scale: number;
  /** From the firmware's first word to GRUB's menu; milliseconds, scaled. */
  readonly menuMs?: number | undefined;
  /** Until one key shows; milliseconds, scaled. */
  readonly keyMs?: number | undefined;
}

const menuMs = 120_000;
const lookMs = 50;
const giveAccess =
  'let the image show GRUB\'s menu on the serial port for some seconds (GRUB_TERMINAL="serial console", GRUB_TIMEOUT), or use an image that lets somebody in by itself';

export class BootWords {
  readonly #options: BootWordsOptions;
  #screen = new TerminalScreen();
  #wasRunning = false;
  /** How many boots have begun. */
  #boots = 0;
  #typed = false;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: BootWordsOptions) {
    this.#options = options;
    // One that ended before its kernel spoke.
    options.console.onRestart(() => this.#begin());
  }

  /** What was done so far that a user's machine would not have. */
  get deviations(): readonly Deviation[] {
    return this.#typed ? [deviation("credentials-typed", this.#options.names.join(", "))] : [];
  }

  /** Takes what the board said, once the console has it. */
  hear(bytes: Uint8Array): void {
    const isRunning = timeProves(this.#options.console.stage);
    // Counted here and not by who waits: a boot may be over before anybody looks again.
    if (this.#wasRunning && !isRunning) this.#begin();
    this.#wasRunning = isRunning;
    this.#screen.feed(bytes);
  }

  /** Power came on: from here on each boot is typed at. A boot where that fails ends with the reason (`ConsoleLog.giveUp`). */
  start(): void {
    this.#begin();
    this.#wasRunning = false;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#running = this.#follow(signal).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#options.console.giveUp(this.#blame(error));
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #begin(): void {
    this.#boots++;
    this.#screen = new TerminalScreen();
  }

  #blame(error: unknown): BootgateError {
    if (error instanceof BootgateError) return error;
    const { board, console } = this.#options;
    return new MachineFault(`Board '${board}' could not be typed at: ${messageOf(error)}.`, {
      cause: error,
      lookAt: console.path,
    });
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for (;;) {
      const boot = this.#boots;
      if (await this.#menu(signal)) await this.#type(signal);
      await this.#until("another boot", signal, () => this.#boots > boot || undefined);
    }
  }

  get #stage(): ConsoleLog["stage"] {
    return this.#options.console.stage;
  }

  /** True where the menu shows, false where somebody else chooses at it. Throws CannotTell where it does not come. */
  async #menu(signal: AbortSignal): Promise<boolean> {
    const limit = (this.#options.menuMs ?? menuMs) * this.#options.scale;
    let since: number | null = null;
    return this.#until("its menu", signal, () => {
      if (this.#options.console.isMenuTaken) return false;
      if (timeProves(this.#stage)) throw this.#startedByItself();
      if (readMenu(this.#screen) !== null) return true;
      if (this.#stage === "off") return undefined;
      since ??= performance.now();
      if (performance.now() - since > limit) throw this.#noMenu("its menu did not come", limit);
      return undefined;
    });
  }

  async #type(signal: AbortSignal): Promise<void> {
    const terminal = this.#keys(signal);
    const { words } = this.#options;
    // Any key ends the countdown, and this one is also the way to the prompt.
    await terminal.type("c");
    await terminal.until("its prompt", keyMs, (screen) => promptOf(screen) === "" || undefined);
    for (const line of settingLines(words)) await this.#typeLine(terminal, line);
    await terminal.type(keys.escape);
    const menu = await terminal.until("its menu again", keyMs, (screen) =>
      promptOf(screen) === null ? (readMenu(screen) ?? undefined) : undefined,
    );
    await goToEntry(terminal, menu, menu.titles[menu.chosen] ?? null);
    await terminal.type("e");
    const lines = await terminal.until("the editor of its entry", keyMs, openedEditor);
    const own = lines[kernelLine(lines)]?.text.trim().length ?? 0;
    const all = own + words.join(" ").length + 1;
    if (all > commandLineBytes)
      throw new CannotTell(
        `The credentials do not fit on the kernel's command line of board '${this.#options.board}': it would have ${all} characters, and ${commandLineBytes} are the most.`,
        { lookAt: this.#options.console.path },
      );
    await goToKernelLine(terminal, lines);
    await typeEnd(terminal, ` $${variable}`);
    await terminal.type(keys.bootEdited);
    this.#typed = true;
  }

  async #typeLine(terminal: LoaderKeys, line: string): Promise<void> {
    let typed = "";
    for (const piece of line.match(new RegExp(`.{1,${atOnce}}`, "g")) ?? []) {
      typed += piece;
      await terminal.type(piece);
      const wanted = typed.trimEnd();
      await terminal.until(
        "what was typed at its prompt",
        keyMs,
        (screen) => promptOf(screen) === wanted || undefined,
      );
    }
    await terminal.type(keys.enter);
    await terminal.until("its prompt", keyMs, (screen) => promptOf(screen) === "" || undefined);
  }

  #keys(signal: AbortSignal): LoaderKeys {
    const { console, scale, keyMs: ownMs } = this.#options;
    const screen = (): TerminalScreen => this.#screen;
    return {
      get screen() {
        return screen();
      },
      type: (text) => console.type(text),
      until: (what, limitMs, look) => {
        const waitMs = (ownMs ?? limitMs) * scale;
        const end = performance.now() + waitMs;
        return this.#until(what, signal, () => {
          const seen = look(this.#screen);
          if (seen !== undefined) return seen;
          if (timeProves(this.#stage)) throw this.#startedByItself();
          if (performance.now() > end) throw this.#noMenu(`${what} did not come`, waitMs);
          return undefined;
        });
      },
    };
  }

  /** Without a limit of its own: each look has one, or the console's watcher ends a boot that stands still. */
  #until<T>(what: string, signal: AbortSignal, look: () => T | undefined): Promise<T> {
    const probe = async (): Promise<T | undefined> => look();
    return waitFor({ what, timeoutMs: 2 ** 31 - 1, intervalMs: lookMs, signal, probe });
  }

  #startedByItself(): CannotTell {
    const { board, console } = this.#options;
    return new CannotTell(`The boot loader of board '${board}' started an entry by itself.`, {
      details: {
        why: "no menu of GRUB was shown on the serial line that waited for a key, so nothing could give access to the guest",
        "to do": giveAccess,
      },
      lookAt: console.path,
    });
  }

  #noMenu(what: string, waitedMs: number): CannotTell {
    const { board, console } = this.#options;
    const shown = this.#screen.rows.filter((row) => /[a-z0-9]/i.test(row)).slice(-24);
    return new CannotTell(`The boot loader of board '${board}' could not be typed at: ${what}.`, {
      details: {
        waited: formatDuration(waitedMs),
        screen: shown.join("\n") || "empty",
        "to do": giveAccess,
      },
      lookAt: console.path,
    });
  }
}

/** What stands behind GRUB's prompt in the cursor's row; null where that is not its prompt. */
function promptOf({ rows, cursor }: TerminalScreen): string | null {
  return /^ *grub> ?(.*)$/.exec(rows[cursor.row] ?? "")?.[1] ?? null;
}

/** Types a short word at the end of the line that starts the kernel. */
async function typeEnd(terminal: LoaderKeys, text: string): Promise<void> {
  const shown = (screen: TerminalScreen): boolean => {
    const lines = readEditor(screen);
    return lines?.[kernelLine(lines)]?.text.trimEnd().endsWith(text) === true;
  };
  await terminal.type(text);
  await terminal.until(
    `'${text.trim()}', which was typed,`,
    keyMs,
    (screen) => shown(screen) || undefined,
  );
}
