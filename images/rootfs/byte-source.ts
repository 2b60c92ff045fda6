/**
 * A stream of bytes from which a parser takes as many as it wants. What is already there is handed out without a
 * promise, since a layer may have a million headers.
 */

/** The stream ended in the middle of what was asked for. */
export class EndedEarly extends Error {}

const nothing = Buffer.alloc(0);

export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Buffer = nothing;
  #at = 0;
  #position = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** How many bytes were taken so far. */
  get position(): number {
    return this.#position;
  }

  /** The next `length` bytes when they lie in one piece already, else null. They are valid until the next call. */
  tryRead(length: number): Buffer | null {
    return this.#chunk.length - this.#at >= length ? this.#cut(length) : null;
  }

  /** The next `length` bytes; null where the stream ended before the first of them. Throws EndedEarly where it ended within. */
  async read(length: number): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) {
        if (missing === length) return null;
        throw new EndedEarly();
      }
      const piece = this.#cut(Math.min(missing, this.#chunk.length - this.#at));
      if (piece.length === length) return piece;
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces, length);
  }

  /** The next `length` bytes in the pieces they come in. Throws EndedEarly when there are fewer. */
  async *take(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) throw new EndedEarly();
      const piece = this.#cut(Math.min(missing, this.#chunk.length - this.#at));
      missing -= piece.length;
      yield piece;
    }
  }

  /** Leaves out `length` bytes. Throws EndedEarly when there are fewer. */
  async skip(length: number): Promise<void> {
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) throw new EndedEarly();
      missing -= this.#cut(Math.min(missing, this.#chunk.length - this.#at)).length;
    }
  }

  /** Reads to the end and keeps nothing. */
  async drain(): Promise<void> {
    while (await this.#fill()) this.#cut(this.#chunk.length - this.#at);
  }

  #cut(length: number): Buffer {
    const piece = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.#position += length;
    return piece;
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#chunk.length) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      this.#at = 0;
    }
    return true;
  }
}
