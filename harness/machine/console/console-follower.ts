/**
 * Reads a growing file as it grows. Looking ten times a second costs next to nothing and, unlike a socket or a pipe,
 * never makes the writer wait: an emulated serial port drops what it cannot hand on at once.
 */
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

export interface FollowerOptions {
  readonly onBytes: (bytes: Uint8Array) => void;
  /** How much of the file is followed. */
  readonly maxBytes: number;
  /** Called once when the file has grown beyond `maxBytes`; the rest is not read. */
  readonly onFull: () => void;
  /** Also what is in the file already. Default: what comes from now on. */
  readonly fromStart?: boolean;
}

const everyMs = 100;
const chunkBytes = 256 * 1024;

export class FileFollower {
  readonly #path: string;
  readonly #options: FollowerOptions;
  readonly #buffer = Buffer.allocUnsafe(chunkBytes);
  #file: FileHandle | null = null;
  #position: number;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> | null = null;
  #full = false;
  #isStopped = false;

  constructor(path: string, options: FollowerOptions) {
    this.#path = path;
    this.#options = options;
    this.#position =
      options.fromStart === true ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  }

  /** Begins, or goes on after `stop`, where it stood. The file need not be there yet. */
  start(): void {
    this.#isStopped = false;
    this.#timer ??= setInterval(() => void this.catchUp(), everyMs).unref();
  }

  /** Reads what is left and lets go of the file. Never throws. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#reading;
    this.#isStopped = true;
    await this.catchUp();
  }

  /** Reads to the end as it is now; after `stop` it lets go of the file again. Never throws. */
  catchUp(): Promise<void> {
    this.#reading ??= this.#readToEnd()
      .catch(() => undefined)
      .finally(async () => {
        if (this.#isStopped) await this.#letGo();
        this.#reading = null;
      });
    return this.#reading;
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => undefined);
  }

  async #readToEnd(): Promise<void> {
    this.#file ??= await open(this.#path, "r").catch(() => null);
    while (this.#file !== null && !this.#full) {
      const room = Math.min(chunkBytes, this.#options.maxBytes - this.#position);
      const { bytesRead } = await this.#file.read(
        this.#buffer,
        0,
        Math.max(room, 1),
        this.#position,
      );
      if (bytesRead === 0) return;
      if (room <= 0) {
        this.#full = true;
        this.#options.onFull();
        return;
      }
      this.#position += bytesRead;
      this.#options.onBytes(this.#buffer.subarray(0, bytesRead));
    }
  }
}
