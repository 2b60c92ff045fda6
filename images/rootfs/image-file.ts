/** Writes a large file from front to back in large pieces; what is zero or left out stays a hole. */
import { type FileHandle, open } from "node:fs/promises";

const bufferBytes = 1024 * 1024;
const holeBytes = 64 * 1024;
const zeros = Buffer.alloc(holeBytes);

export class ImageFile implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.alloc(bufferBytes);
  /** Place in the file of the buffer's first byte, and how much of the buffer is filled. */
  #start = 0;
  #filled = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Makes a new file; one of that name must not be there. */
  static async create(path: string): Promise<ImageFile> {
    return new ImageFile(await open(path, "wx"));
  }

  /** Writes at `position`, which is never before the end of what was written last. */
  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (position < this.#start + this.#filled)
      throw new RangeError("The file is written backwards.");
    if (position + bytes.length > this.#start + bufferBytes) await this.#jump(position);
    let at = position;
    for (let rest = bytes; rest.length > 0; ) {
      const room = bufferBytes - (at - this.#start);
      const piece = rest.subarray(0, room);
      this.#buffer.fill(0, this.#filled, at - this.#start);
      this.#buffer.set(piece, at - this.#start);
      this.#filled = at - this.#start + piece.length;
      at += piece.length;
      rest = rest.subarray(piece.length);
      if (rest.length > 0) await this.#jump(at);
    }
  }

  /** Gives the file its length and writes what is still in memory. */
  async finish(length: number): Promise<void> {
    await this.#jump(this.#start + this.#filled);
    await this.#file.truncate(length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  /** Empties the buffer and lets it begin in the hole-sized piece that holds `position`. */
  async #jump(position: number): Promise<void> {
    const end = this.#start + this.#filled;
    const begin = position - (position % holeBytes);
    for (let at = 0; at < this.#filled; ) {
      const from = at;
      while (at < this.#filled && !this.#isHole(at)) at += holeBytes;
      const to = Math.min(at, this.#filled);
      if (to > from)
        await writeAll(this.#file, this.#buffer.subarray(from, to), this.#start + from);
      while (at < this.#filled && this.#isHole(at)) at += holeBytes;
    }
    // What is behind the new beginning was written already and is kept, so that a piece is judged as a whole.
    const kept = Math.max(0, end - begin);
    this.#buffer.copyWithin(0, this.#filled - kept, this.#filled);
    this.#start = begin;
    this.#filled = kept;
  }

  #isHole(at: number): boolean {
    const piece = this.#buffer.subarray(at, Math.min(at + holeBytes, this.#filled));
    return zeros.subarray(0, piece.length).equals(piece);
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
