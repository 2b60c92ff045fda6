/**
 * A serial console as a line to a shell: what is said on it is followed in the console's file, which has every byte, and what is
 * asked is typed at it. A question is typed again when no answer comes or the guest says that it came damaged; all of them may come twice.
 */
import { setTimeout as pause } from "node:timers/promises";
import { MachineFault, messageOf } from "../../base/errors.ts";
import { type BootStage, bootStages, type Console } from "../../machine/console/console.ts";
import { FileFollower } from "../../machine/console/console-follower.ts";
import { requestLine } from "./agent.ts";
import { type Message, MessageReader } from "./frames.ts";

export type LineConsole = Pick<Console, "path" | "stage" | "type" | "onStage">;

/** For one answer. Milliseconds, scaled. */
const answerMs = 3000;
/** Until a question is given up that is typed again and again. */
const tries = 8;
/** Between two looks at the console's file while something is awaited. Milliseconds. */
const lookMs = 20;
const consoleBytes = 4 * 1024 ** 3;

/** Nothing may be typed before user space is there: a boot loader takes any key for its own. */
export const mayType = (stage: BootStage): boolean =>
  bootStages.indexOf(stage) >= bootStages.indexOf("userspace");

/** A boot has begun. Between the order to restart and that the guest of a line that stands is still there, and its stage is "off". */
const isStarting = (stage: BootStage): boolean => stage !== "off" && !mayType(stage);

export class SerialLine {
  readonly nonce: string;
  readonly scale: number;
  /** When something whole came last. */
  heardAt = performance.now();
  readonly #console: LineConsole;
  readonly #follower: FileFollower;
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #texts = new Set<(bytes: Uint8Array) => void>();
  readonly #stopStages: () => void;
  #whyClosed: string | null = null;
  /** Why the machine could not be typed at, or null. */
  fault: MachineFault | null = null;

  constructor(console: LineConsole, nonce: string, scale: number) {
    this.nonce = nonce;
    this.scale = scale;
    this.#console = console;
    const reader = new MessageReader(nonce, (message) => this.#hear(message));
    this.#follower = new FileFollower(console.path, {
      maxBytes: consoleBytes,
      onFull: () => this.close("the console log is full"),
      onBytes: (bytes) => {
        reader.feed(bytes);
        for (const listener of [...this.#texts]) listener(bytes);
      },
    });
    this.#follower.start();
    this.#stopStages = console.onStage(({ stage }) => {
      if (isStarting(stage)) this.close("the guest started again");
    });
  }

  get whyClosed(): string | null {
    return this.#whyClosed;
  }

  /** Types nothing: who reads what is typed to a guest that goes down is its boot loader. May be called twice. */
  close(why: string): void {
    if (this.#whyClosed !== null) return;
    this.#whyClosed = why;
    this.#stopStages();
    void this.#follower.stop();
  }

  /** Calls back for each message from now on; returns the function that ends this. */
  onMessage(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls back with all that is said from now on, as it is; returns the function that ends this. */
  onBytes(listener: (bytes: Uint8Array) => void): () => void {
    this.#texts.add(listener);
    return () => void this.#texts.delete(listener);
  }

  /** True once the guest was told to restart, until its next boot shows. */
  get isGoingDown(): boolean {
    return this.#console.stage === "off";
  }

  /** Types text as it is. A machine that cannot be typed at closes the line. Does nothing where nobody may type. */
  async type(text: string): Promise<void> {
    if (this.#whyClosed !== null || isStarting(this.#console.stage)) return;
    await this.#console.type(text).catch((error: unknown) => {
      if (error instanceof MachineFault) this.fault = error;
      this.close(messageOf(error));
    });
  }

  /**
   * Waits until `look` sees something, for at most `ms`, which are not scaled. Returns undefined when the time is over or the line
   * is closed. Rejects with the abort reason only.
   */
  async until<T>(
    look: () => T | undefined,
    ms: number,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const end = performance.now() + ms;
    for (;;) {
      signal.throwIfAborted();
      await this.#follower.catchUp();
      const seen = look();
      if (seen !== undefined) return seen;
      if (this.#whyClosed !== null || performance.now() >= end) return undefined;
      await pause(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Asks until `read` takes an answer. Returns undefined, and closes the line, when none comes that can be read. Rejects with the
   * abort reason only.
   */
  async ask<T>(
    request: string,
    read: (words: readonly string[]) => T | undefined,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    let answer: T | undefined;
    let isRefused = false;
    let hasSpoken = false;
    const stopBytes = this.onBytes(() => {
      hasSpoken = true;
    });
    const stop = this.onMessage((message) => {
      if (message.kind !== "answer") return;
      answer ??= read(message.words);
      isRefused ||= message.words[0] === "n";
    });
    try {
      for (let left = tries; left > 0 && this.#whyClosed === null; left--) {
        isRefused = false;
        await this.type(requestLine(this.nonce, request));
        const look = () => answer ?? (isRefused ? ("again" as const) : undefined);
        await this.until(look, answerMs * this.scale, signal);
        if (answer !== undefined) return answer;
        // It was told to restart, and something else is said: what is typed now may meet its boot loader.
        if (this.#console.stage === "off" && hasSpoken && !isRefused) break;
      }
    } finally {
      stop();
      stopBytes();
    }
    this.close(
      "the shell on the serial console does not answer any more, or the line loses more than can be mended",
    );
    return undefined;
  }

  #hear(message: Message): void {
    if (message.kind !== "damaged") this.heardAt = performance.now();
    for (const listener of [...this.#listeners]) listener(message);
  }
}
