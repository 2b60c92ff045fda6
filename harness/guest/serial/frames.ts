/**
 * What the guest's end says, read out of all that comes over the serial line. A row may have other words before it, after it
 * or in it; only what shows by itself that it is whole counts. Pure.
 */
import { pieceBytes } from "./agent.ts";
import { cksum } from "./cksum.ts";

/** A line of a command's output. */
export interface Piece {
  readonly stream: 1 | 2;
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

export type Message =
  | { readonly kind: "answer"; readonly words: readonly string[] }
  | { readonly kind: "piece"; readonly piece: Piece }
  /** It began as one and is not whole. */
  | { readonly kind: "damaged" };

const pieceShape = /^ l ([12]) (\d{1,7}) (\d{1,10}) ([A-Za-z0-9+/]+={0,2}) (\d{1,7})\s*$/;
const answerShape = /^ (.{1,200}) = (.{1,200})$/;

/** What one row says after the nonce. */
export function readMessage(text: string): Message {
  const [, stream, number, sum, base64 = "", again] = pieceShape.exec(text) ?? [];
  if (stream !== undefined && number === again) {
    const bytes = Buffer.from(base64, "base64");
    if (cksum(bytes) === Number(sum))
      return {
        kind: "piece",
        piece: { stream: stream === "1" ? 1 : 2, number: Number(number), bytes },
      };
  }
  const [, words, twice] = answerShape.exec(text.trimEnd()) ?? [];
  if (words !== undefined && words === twice) return { kind: "answer", words: words.split(" ") };
  return { kind: "damaged" };
}

/** A row is never longer than this; what is longer is not ours. */
const maxRow = 64 * 1024;

/** Cuts bytes into rows, and finds the messages of one nonce in them. */
export class MessageReader {
  readonly #nonce: string;
  readonly #onMessage: (message: Message) => void;
  #rest = "";

  constructor(nonce: string, onMessage: (message: Message) => void) {
    this.#nonce = nonce;
    this.#onMessage = onMessage;
  }

  feed(bytes: Uint8Array): void {
    const rows = (this.#rest + Buffer.from(bytes).toString("latin1")).split("\n");
    this.#rest = (rows.pop() ?? "").slice(-maxRow);
    for (const row of rows) {
      const [, ...texts] = row.split(this.#nonce);
      // A message that lost its end stands on a row with the next one.
      for (const text of texts) this.#onMessage(readMessage(text));
    }
  }
}

/** How a command ended, as the guest's end tells it. */
export interface EndWord {
  readonly exitCode: number;
  readonly streams: readonly [StreamFacts, StreamFacts];
}

export interface StreamFacts {
  readonly sum: number;
  readonly length: number;
}

/** Reads `e ID CODE SUM LENGTH SUM LENGTH`; null for anything else, or of another command. */
export function readEnd(words: readonly string[], id: number): EndWord | null {
  const [kind, ...rest] = words;
  const numbers = rest.map(Number);
  if (kind !== "e" || numbers.length !== 6 || numbers[0] !== id) return null;
  if (numbers.some((one) => !Number.isSafeInteger(one) || one < 0)) return null;
  const [, exitCode = 0, sum1 = 0, length1 = 0, sum2 = 0, length2 = 0] = numbers;
  return {
    exitCode,
    streams: [
      { sum: sum1, length: length1 },
      { sum: sum2, length: length2 },
    ],
  };
}

/** The pieces of one stream as they come, in any order. */
export class Collected {
  readonly #pieces = new Map<number, Buffer>();

  /** Takes a piece that can be of so many bytes in all. The guest says how many pieces there are, so more than that is not kept. */
  take({ number, bytes }: Piece, mostBytes: number): void {
    if (bytes.length > pieceBytes || number > Math.ceil(mostBytes / pieceBytes)) return;
    this.#pieces.set(number, bytes);
  }

  get count(): number {
    return this.#pieces.size;
  }

  /** The first run of numbers that are not there, at most `most` of them; null where all are. */
  missing(total: number, most: number): { readonly from: number; readonly count: number } | null {
    let from = 1;
    while (from <= total && this.#pieces.has(from)) from++;
    if (from > total) return null;
    let count = 1;
    while (count < most && from + count <= total && !this.#pieces.has(from + count)) count++;
    return { from, count };
  }

  /** The whole, or null where it is not what the guest counted. */
  whole(total: number, { sum, length }: StreamFacts): Buffer | null {
    const parts = Array.from({ length: total }, (_, at) => this.#pieces.get(at + 1) ?? Buffer.of());
    const bytes = Buffer.concat(parts);
    return bytes.length === length && cksum(bytes) === sum ? bytes : null;
  }

  clear(): void {
    this.#pieces.clear();
  }
}
