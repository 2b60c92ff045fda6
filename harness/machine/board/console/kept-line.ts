/**
 * A line that is kept open for as long as a board is used. Adapters vanish for a moment when a board's power changes, and console
 * servers are restarted: it is opened again, and what was not heard is written into the console log. Gone for good is told once.
 */
import { setTimeout as pause } from "node:timers/promises";
import { BootgateError, MachineFault, messageOf } from "../../../base/errors.ts";
import { formatDuration } from "../../../base/units.ts";
import type { LineOpener, OpenLine } from "./line.ts";
import { LineQuality } from "./line-quality.ts";

export interface KeptLineOptions {
  /** Name of the board. */
  readonly board: string;
  /** The line, after "the" (`lineName`). */
  readonly what: string;
  readonly open: LineOpener;
  readonly onBytes: (bytes: Uint8Array) => void;
  /** Told what was not heard, for the log: nothing that the board said. */
  readonly onNote?: (note: string) => void;
  /** How long a line that ended is tried again, milliseconds. Default 15 s. */
  readonly reopenMs?: number;
  /** The speed that was set, for the message about a wrong one; absent where there is none. */
  readonly baud?: number | undefined;
}

const retryMs = 250;

export class KeptLine implements AsyncDisposable {
  /** Rejects with MachineFault when the line is gone for good, or what it says is not text; never resolves. */
  readonly lost: Promise<never>;
  /** Bytes that came so far. */
  bytes = 0;
  /** How often it was opened again. */
  reopened = 0;
  readonly #options: KeptLineOptions;
  readonly #stop = new AbortController();
  readonly #quality = new LineQuality();
  #line: OpenLine | null = null;
  /** Since when it does not stay open; null where it does. */
  #unsteadySince: number | null = null;
  #loop: Promise<void> = Promise.resolve();
  #lose: (error: Error) => void = () => undefined;

  private constructor(options: KeptLineOptions) {
    this.#options = options;
    this.lost = new Promise<never>((_, reject) => {
      this.#lose = reject;
    });
    this.lost.catch(() => undefined);
  }

  /** Opens the line. Throws what its opener throws. */
  static async open(options: KeptLineOptions, signal: AbortSignal): Promise<KeptLine> {
    const kept = new KeptLine(options);
    const line = await kept.#open(AbortSignal.any([signal, kept.#stop.signal]));
    kept.#loop = kept.#keep(line).catch((error: unknown) => {
      if (!kept.#stop.signal.aborted) kept.#lose(error as Error);
    });
    return kept;
  }

  /** Sends text to the board. Throws MachineFault where the line is away. */
  async type(text: string): Promise<void> {
    const { what, board } = this.#options;
    const gone = (cause?: unknown): MachineFault =>
      new MachineFault(`The ${what} of board '${board}' cannot be typed at: it is away.`, {
        cause,
      });
    if (this.#line === null) throw gone();
    await this.#line.send(Buffer.from(text)).catch((cause: unknown) => {
      throw gone(cause);
    });
  }

  /** Told that the board's power changed: the line is judged from here on, and an adapter may vanish with the power. */
  boardChanged(): void {
    this.#quality.restart();
    this.#unsteadySince = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    try {
      await this.#line?.[Symbol.asyncDispose]();
    } catch {
      // It is gone already.
    }
    await this.#loop;
  }

  async #open(signal: AbortSignal): Promise<OpenLine> {
    const line = await this.#options.open({ onBytes: (bytes) => this.#hear(bytes) }, signal);
    this.#line = line;
    return line;
  }

  #hear(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#options.onBytes(bytes);
    this.#quality.feed(bytes);
    if (!this.#quality.isGarbage) return;
    const { what, board, baud } = this.#options;
    const speed = baud === undefined ? "its speed" : `another speed than ${baud} baud`;
    this.#lose(
      new MachineFault(`What the ${what} of board '${board}' says is not text.`, {
        details: {
          "may be": `${speed}, ground that is not connected, or an adapter of 5 V at a board of 3.3 V`,
          "to do": "set 'baud' in boards.yaml to what the board speaks",
        },
      }),
    );
  }

  async #keep(first: OpenLine): Promise<void> {
    let line = first;
    for (;;) {
      const opened = performance.now();
      const reason = await line.ended;
      this.#line = null;
      if (this.#stop.signal.aborted) return;
      const since = performance.now();
      // One that opens each time and ends soon is not there either.
      if (since - opened > this.#reopenMs) this.#unsteadySince = null;
      this.#unsteadySince ??= since;
      line = await this.#again(reason, this.#unsteadySince);
      this.reopened++;
      const away = formatDuration(performance.now() - since);
      const note = `\n[bootgate: the ${this.#options.what} was away for ${away}: ${reason}]\n`;
      this.#options.onNote?.(note);
    }
  }

  async #again(reason: string, since: number): Promise<OpenLine> {
    const { signal } = this.#stop;
    const isOver = (): boolean => performance.now() - since > this.#reopenMs;
    if (isOver()) throw this.#gone(reason, since, new Error("it was opened, and ended again"));
    for (;;) {
      try {
        return await this.#open(signal);
      } catch (cause) {
        signal.throwIfAborted();
        if (isOver()) throw this.#gone(reason, since, cause);
      }
      await pause(retryMs, undefined, { signal });
    }
  }

  #gone(reason: string, since: number, cause: unknown): MachineFault {
    const { what, board } = this.#options;
    return new MachineFault(`The ${what} of board '${board}' is gone: ${reason}.`, {
      cause,
      details: {
        since: formatDuration(performance.now() - since),
        "last try": cause instanceof BootgateError ? cause.headline : messageOf(cause),
      },
    });
  }

  get #reopenMs(): number {
    return this.#options.reopenMs ?? 15_000;
  }
}
