/**
 * A guest that restarts although nobody asked it to has failed, whatever was being done with it at that moment. The
 * machine or the console tells the restart; since anything may print a boot's lines on a console, the boot that commands
 * were meant for is asked once more before it is believed.
 */
import { ExpectationFailed } from "../base/errors.ts";
import type { Console } from "../machine/console/console.ts";
import { consoleTail } from "./reach-words.ts";

export interface RestartWatchOptions {
  readonly name: string;
  readonly console: Console;
  /** Whether the boot that commands are meant for still answers over the connection it had. */
  readonly stillAnswers: () => Promise<boolean>;
}

/** Watches from `arm` to `disarm`. `signal` aborts with the error to throw, and stays so until it is armed again. */
export class RestartWatch {
  readonly #options: RestartWatchOptions;
  #gone = new AbortController();
  /** Restarts that are known; null while restarts are nobody's surprise. */
  #known: number | null = null;
  /** What the console showed at the last restart that was told. */
  #lastWords: string | null = null;
  /** The console's last line when it was armed: what came before it is of an earlier boot, or of this one's beginning. */
  #lastLine: string | undefined;
  readonly #unlisten: () => void;

  constructor(options: RestartWatchOptions) {
    this.#options = options;
    this.#unlisten = options.console.onRestart(() => {
      // Now, since the next boot has a lot to say.
      this.#lastWords = consoleTail(options.console);
      this.#confirm().catch(() => undefined);
    });
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** True where a restart was told that has not been explained. */
  get isSuspected(): boolean {
    return this.#known !== null && this.#options.console.restarts > this.#known;
  }

  arm(): void {
    this.#gone = new AbortController();
    this.#known = this.#options.console.restarts;
    this.#lastWords = null;
    this.#lastLine = this.#options.console.tail(1).at(-1);
  }

  /** The console's newest lines, as far as they came since it was armed. */
  get newLines(): readonly string[] {
    const lines = this.#options.console.tail(20);
    const known = this.#lastLine === undefined ? -1 : lines.lastIndexOf(this.#lastLine);
    return lines.slice(known + 1);
  }

  disarm(): void {
    this.#known = null;
  }

  end(): void {
    this.disarm();
    this.#unlisten();
  }

  /** What to throw. Both a running command and the next one say it in the same words. */
  error(bootIds?: string): ExpectationFailed {
    const { name, console } = this.#options;
    return new ExpectationFailed(`Guest '${name}' has rebooted by itself.`, {
      details: { "boot ID": bootIds, console: this.#lastWords ?? consoleTail(console) },
      lookAt: console.path,
    });
  }

  async #confirm(): Promise<void> {
    const { console, stillAnswers } = this.#options;
    const gone = this.#gone;
    if (!this.isSuspected) return;
    const told = console.restarts;
    const isUp = await stillAnswers();
    // Armed again meanwhile, or not watching any more: the suspicion was about another boot.
    if (gone !== this.#gone || this.#known === null) return;
    if (!isUp) {
      gone.abort(this.error());
      return;
    }
    this.#known = told;
    // The console must not wait for the rest of a boot that never began.
    console.sshAnswered();
  }
}
