/**
 * Makes a disk as it would be after a power cut: a raw file that holds what the disk held before, brought forward write by write. All
 * that was flushed stays for the next point, so points are cheap in ascending order; what a point or a judge
 * adds is taken back, by the bytes that were there before.
 */
import { type FileHandle, open } from "node:fs/promises";
import { CannotTell } from "../base/errors.ts";
import { type CutPoint, flushedBefore, survivorsOf } from "./points.ts";
import type { LoggedWrite, WriteLog } from "./write-log.ts";

/** Bytes that are copied at once. */
const chunkBytes = 4 * 1024 * 1024;
const mostDiscarded = 64 * 1024 * 1024;
/** What may be kept to be taken back: an emulated guest writes some megabytes between two flushes. */
const mostKept = 1024 ** 3;

interface Undo {
  readonly at: number;
  readonly bytes: Buffer;
}

export class Replayer implements AsyncDisposable {
  readonly #disk: FileHandle;
  readonly #record: FileHandle;
  readonly #log: WriteLog;
  /** Entries that are on the disk to stay. */
  #applied = 0;
  #undo: Undo[] = [];
  #kept = 0;
  #listeners: ((start: number, length: number) => void)[] = [];

  private constructor(disk: FileHandle, record: FileHandle, log: WriteLog) {
    this.#disk = disk;
    this.#record = record;
    this.#log = log;
  }

  /** `disk` is a raw file with what the disk held before the record began; it is written to. */
  static async open(paths: { disk: string; record: string }, log: WriteLog): Promise<Replayer> {
    const disk = await open(paths.disk, "r+");
    try {
      return new Replayer(disk, await open(paths.record, "r"), log);
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  /** Calls back with each part of the disk that is changed or changed back. */
  onChange(listener: (start: number, length: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Makes the disk as the point has it. Throws CannotTell for one that lies before a place that was passed: points come in ascending order. */
  async moveTo(point: CutPoint): Promise<void> {
    await this.takeBack();
    const { entries } = this.#log;
    const flushed = flushedBefore(entries, point.entries);
    if (flushed < this.#applied)
      throw new CannotTell("A disk can only be brought forward to a later power cut.");
    for (; this.#applied < flushed; this.#applied++) {
      const entry = entries[this.#applied];
      if (entry !== undefined) await this.#apply(entry, entry.lengthBytes, false);
    }
    // A large discard (fstrim) that was not flushed is one that was not done: what it would take back is too much to keep.
    for (const { entry, bytes } of survivorsOf(point, this.#log))
      if (!entry.isDiscard || bytes <= mostDiscarded) await this.#apply(entry, bytes, true);
  }

  /** Writes to the disk until `takeBack` or the next point. */
  async write(at: number, bytes: Buffer): Promise<void> {
    await this.#put(at, bytes, true);
  }

  /** Takes back what was added since the last flush of the record. */
  async takeBack(): Promise<void> {
    for (const { at, bytes } of this.#undo.reverse()) await this.#put(at, bytes, false);
    this.#undo = [];
    this.#kept = 0;
  }

  async read(at: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#disk.read(buffer, 0, length, at);
    return buffer.subarray(0, bytesRead);
  }

  async #apply(entry: LoggedWrite, lengthBytes: number, isPassing: boolean): Promise<void> {
    for (let done = 0; done < lengthBytes; done += chunkBytes) {
      const length = Math.min(chunkBytes, lengthBytes - done);
      const data = Buffer.alloc(length);
      if (entry.dataAt !== null) {
        const { bytesRead } = await this.#record.read(data, 0, length, entry.dataAt + done);
        if (bytesRead < length)
          throw new CannotTell("The record of a disk's writes was cut short.");
      }
      await this.#put(entry.startBytes + done, data, isPassing);
    }
  }

  async #put(at: number, bytes: Buffer, isPassing: boolean): Promise<void> {
    if (isPassing) {
      this.#kept += bytes.length;
      if (this.#kept > mostKept)
        throw new CannotTell("More than 1 GiB was written to a disk without a flush.");
      this.#undo.push({ at, bytes: await this.read(at, bytes.length) });
    }
    await this.#disk.write(bytes, 0, bytes.length, at);
    for (const listener of this.#listeners) listener(at, bytes.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disk.close();
    await this.#record.close();
  }
}
