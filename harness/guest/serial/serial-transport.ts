/**
 * Commands over the serial console: for boards without a network, and for images whose SSH is dead. One at a time. A command and
 * its input go over in checked pieces; its output waits in the guest until all of it is here, and its exit code is its own word. The
 * command runs beside the shell that is asked, so it can be ended while it runs.
 */
import { CappedText, type ExecLimits, type ExecOutcome, type Transport } from "../transport.ts";
import { Turns } from "../turns.ts";
import { linesAsked, linesAtOnce, maxDataCharacters, pieceBytes } from "./agent.ts";
import { Collected, type EndWord, type Piece, readEnd } from "./frames.ts";
import type { SerialLine } from "./serial-line.ts";

/** Until a command that says nothing is asked whether it has ended: its word may have been lost. Milliseconds, scaled. */
const pollMs = 4000;
/** Pieces that come unasked are waited for this long after the last one. Milliseconds, scaled. */
const idleMs = 250;
/** Questions for pieces in a row that may bring none. */
const fruitlessAllowed = 12;
/** How often a whole that is not what the guest counted is fetched again. */
const wholesAllowed = 3;

const tooBad = "the serial line loses or changes more than can be mended";
const noRoom = "the guest cannot keep what it is sent below /run";

type Words = readonly string[];

export class SerialTransport implements Transport {
  readonly kind = "serial" as const;
  readonly #line: SerialLine;
  readonly #turns = new Turns();
  #count = 0;

  constructor(line: SerialLine) {
    this.#line = line;
  }

  get isOpen(): boolean {
    return this.#line.whyClosed === null;
  }

  get whyClosed(): string | null {
    return this.#line.whyClosed;
  }

  /** Lets go of the line; the guest's shell goes with its boot, or with the next login. */
  end(): void {
    this.#line.close("it was ended");
  }

  async exec(command: string, limits: ExecLimits): Promise<ExecOutcome> {
    const began = performance.now();
    limits.signal.throwIfAborted();
    const end = (how: Partial<ExecOutcome>): ExecOutcome => ({
      ...{ stdout: "", stderr: "", exitCode: null, truncated: false, timedOut: false },
      lost: null,
      ...how,
      durationMs: performance.now() - began,
    });
    const limit = AbortSignal.any([
      limits.signal,
      AbortSignal.timeout(Math.ceil(limits.timeoutMs)),
    ]);
    const release = await this.#turns.take(limits);
    if (release === null) return end({ timedOut: true });
    try {
      if (!this.isOpen) return end({ lost: this.whyClosed });
      return end(await new OneCommand(this.#line, ++this.#count, limits).run(command, limit));
    } finally {
      release();
    }
  }
}

class OneCommand {
  readonly #line: SerialLine;
  readonly #id: number;
  readonly #limits: ExecLimits;
  readonly #streams = [new Collected(), new Collected()] as const;
  #ended: EndWord | null = null;
  #isTooLate = false;
  /** Nothing ends the last words with a command: what is to blame for a lost line is looked for when it is lost. */
  readonly #patient = new AbortController().signal;

  constructor(line: SerialLine, id: number, limits: ExecLimits) {
    this.#line = line;
    this.#id = id;
    this.#limits = limits;
  }

  async run(command: string, limit: AbortSignal): Promise<Partial<ExecOutcome>> {
    const stop = this.#line.onMessage((message) => {
      if (message.kind === "piece") this.#take(message.piece);
      if (message.kind === "answer") this.#ended ??= readEnd(message.words, this.#id);
    });
    try {
      const problem = await this.#begin(command, limit);
      if (problem !== null) return { lost: problem };
      await this.#untilEnd(limit);
    } catch (error) {
      if (!limit.aborted) throw error;
    } finally {
      if (limit.aborted) await this.#kill();
      stop();
      if (limit.aborted) this.#limits.signal.throwIfAborted();
    }
    // How long it takes to carry what was said does not count.
    return { ...(await this.#outcome()), timedOut: this.#isTooLate };
  }

  /** Sends the command and its input, and starts it. Returns what went wrong, or null. */
  async #begin(command: string, limit: AbortSignal): Promise<string | null> {
    const { input, maxBytes } = this.#limits;
    const base64 = Buffer.from(command).toString("base64");
    const started = ([word, id]: Words) => (word === "r" && id === `${this.#id}`) || undefined;
    // One byte more than is kept tells that something was cut.
    const call = `${this.#id} ${maxBytes + 1}`;
    if (input === undefined && base64.length <= maxDataCharacters)
      return (await this.#line.ask(`now ${call} ${base64}`, started, limit))
        ? null
        : this.#line.whyClosed;
    const files = [
      ["c", base64],
      ["i", Buffer.from(input ?? "").toString("base64")],
    ] as const;
    const isReady = ([word, id]: Words) => (word === "p" && id === `${this.#id}`) || undefined;
    await this.#line.ask(`prep ${this.#id}`, isReady, limit);
    let number = 0;
    for (const [file, data] of files)
      for (let at = 0; at < data.length; at += maxDataCharacters) {
        const request = `put ${++number} ${file} ${data.slice(at, at + maxDataCharacters)}`;
        const taken = await this.#line.ask(request, takenWord(number), limit);
        if (taken !== "taken") return taken === "failed" ? noRoom : this.#line.whyClosed;
      }
    return (await this.#line.ask(`run ${call}`, started, limit)) ? null : this.#line.whyClosed;
  }

  /** One byte more than is kept tells that something was cut. */
  #take(piece: Piece): void {
    this.#streams[piece.stream === 1 ? 0 : 1].take(piece, this.#limits.maxBytes + 1);
  }

  async #untilEnd(limit: AbortSignal): Promise<void> {
    const isOver = () => this.#ended ?? undefined;
    const runs = ([word]: Words) => (word === "w" || word === "e" ? word : undefined);
    while (this.#line.whyClosed === null) {
      const ended = await this.#line.until(isOver, pollMs * this.#line.scale, limit);
      if (ended !== undefined) return;
      // A guest that goes down says no more, and what is typed now may be read by its next boot loader.
      if (this.#line.isGoingDown) continue;
      await this.#line.ask(`st ${this.#id}`, runs, limit);
    }
  }

  /** Ends the command. What it has said until then is kept. */
  async #kill(): Promise<void> {
    if (this.#ended !== null) return;
    this.#isTooLate = true;
    if (this.#line.isGoingDown) return this.#line.close("the guest goes down");
    const ends = (words: Words) => readEnd(words, this.#id) ?? undefined;
    this.#ended = (await this.#line.ask(`kl ${this.#id}`, ends, this.#patient)) ?? null;
  }

  async #outcome(): Promise<Partial<ExecOutcome>> {
    const end = this.#ended;
    if (end === null) return { lost: this.#line.whyClosed ?? tooBad };
    const { maxBytes } = this.#limits;
    const texts: { whole: boolean; text: string }[] = [];
    const stop = this.#line.onMessage((message) => {
      if (message.kind === "piece") this.#take(message.piece);
    });
    try {
      for (const stream of [0, 1] as const) {
        const bytes = await this.#fetch(stream, end);
        if (bytes === null) return { lost: this.#line.whyClosed ?? tooBad };
        const text = new CappedText(maxBytes);
        texts.push({ whole: text.add(bytes), text: text.text() });
      }
    } finally {
      stop();
    }
    const truncated = texts.some(({ whole }) => !whole);
    const [stdout, stderr] = texts;
    return {
      stdout: stdout?.text ?? "",
      stderr: stderr?.text ?? "",
      exitCode: truncated || end.exitCode > 255 ? null : end.exitCode,
      truncated,
    };
  }

  /** All of a stream; null where the line is too bad. */
  async #fetch(stream: 0 | 1, end: EndWord): Promise<Buffer | null> {
    const facts = end.streams[stream];
    if (facts.length > this.#limits.maxBytes + 1) return null;
    const total = Math.ceil(facts.length / pieceBytes);
    const collected = this.#streams[stream];
    for (let left = wholesAllowed; left > 0; left--) {
      let fruitless = 0;
      // The first lines come unasked.
      await this.#untilIdle(collected, Math.min(total, linesAtOnce));
      for (;;) {
        const missing = collected.missing(total, linesAsked);
        if (missing === null) break;
        const before = collected.count;
        const request = `get ${stream + 1} ${missing.from} ${missing.count}`;
        const told = ([word, ...rest]: Words) =>
          (word === "g" && rest.join(" ") === request.slice(4)) || undefined;
        if (!(await this.#line.ask(request, told, this.#patient))) return null;
        fruitless = collected.count > before ? 0 : fruitless + 1;
        if (fruitless > fruitlessAllowed) return null;
      }
      const whole = collected.whole(total, facts);
      if (whole !== null) return whole;
      collected.clear();
    }
    return null;
  }

  /** Until all is here, or nothing has come for a moment. */
  async #untilIdle(collected: Collected, total: number): Promise<void> {
    const { scale } = this.#line;
    const look = () => {
      if (collected.missing(total, 1) === null) return true;
      return performance.now() - this.#line.heardAt > idleMs * scale || undefined;
    };
    await this.#line.until(look, 60_000 * scale, this.#patient);
  }
}

const takenWord =
  (number: number) =>
  ([word, id]: Words): "taken" | "failed" | undefined => {
    if (word === "f") return "failed";
    return word === "a" && id === `${number}` ? "taken" : undefined;
  };
