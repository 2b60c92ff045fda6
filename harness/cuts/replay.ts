/**
 * Makes a disk as it would be after a power cut: a raw file that holds what the disk held before, brought forward write by write. All
 * that was flushed stays for the next point, so points are cheap in ascending order, and for one that lies behind it begins again; what a
 * point or a judge adds is taken back, by the bytes that were there before.
 */
import { type FileHandle, open } from "node:fs/promises";
import { CannotTell } from "../base/errors.ts";
import type { DiskPart } from "./known-hashes.ts";
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

export interface ReplayFiles {
  /** A raw file with what the disk held before the record began; it is written to. */
  readonly disk: string;
  readonly record: string;
  /** Makes the file `disk` again, as it was before. */
  readonly restore: () => Promise<void>;
}

export class Replayer implements AsyncDisposable {
  readonly #files: ReplayFiles;
  readonly #record: FileHandle;
  readonly #log: WriteLog;
  #disk: FileHandle;
  /** Entries that are on the disk to stay. */
  #applied = 0;
  #undo: Undo[] = [];
  #kept = 0;
  #listeners: ((part: DiskPart) => void)[] = [];

  private constructor(
    files: ReplayFiles,
    opened: { disk: FileHandle; record: FileHandle },
    log: WriteLog,
  ) {
    this.#files = files;
    this.#disk = opened.disk;
    this.#record = opened.record;
    this.#log = log;
  }

  static async open(files: ReplayFiles, log: WriteLog): Promise<Replayer> {
    const disk = await open(files.disk, "r+");
    try {
      return new Replayer(files, { disk, record: await open(files.record, "r") }, log);
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  /** Calls back with each part of the disk that is changed or changed back. */
  onChange(listener: (part: DiskPart) => void): void {
    this.#listeners.push(listener);
  }

  /** Makes the disk as the point has it. */
  async moveTo(point: CutPoint): Promise<void> {
    const { entries } = this.#log;
    const flushed = flushedBefore(entries, point.entries);
    if (flushed < this.#applied) await this.#beginAgain();
    else await this.takeBack();
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

  async #beginAgain(): Promise<void> {
    await this.#disk.close();
    await this.#files.restore();
    this.#disk = await open(this.#files.disk, "r+");
    this.#applied = 0;
    this.#undo = [];
    this.#kept = 0;
    this.#tell({ startBytes: 0, endBytes: Number.POSITIVE_INFINITY });
  }

  #tell(part: DiskPart): void {
    for (const listener of this.#listeners) listener(part);
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
    this.#tell({ startBytes: at, endBytes: at + bytes.length });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disk.close();
    await this.#record.close();
  }
}
