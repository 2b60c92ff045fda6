/** Cards of files, which can do what bad cards do. */
import { type FileHandle, open, rm, truncate, writeFile } from "node:fs/promises";
import type { CardStore } from "../../harness/machine/board/card/card-store.ts";

export type CardFault = "ignores-writes" | "corrupts" | "vanishes" | "vanishes-later" | "too-small";

/** A file as a card. `fault`: what it does wrong. */
export class FileCard implements CardStore {
  readonly path: string;
  readonly bytes: number;
  /** Bytes that were written to it. */
  written = 0;
  readonly #fault: CardFault | undefined;
  readonly #file: FileHandle;

  private constructor(path: string, bytes: number, file: FileHandle, fault: CardFault | undefined) {
    this.path = path;
    this.bytes = bytes;
    this.#file = file;
    this.#fault = fault;
  }

  static async make(
    path: string,
    bytes: number,
    {
      content = "",
      fault,
    }: { readonly content?: string | Buffer; readonly fault?: CardFault } = {},
  ): Promise<FileCard> {
    await writeFile(path, content);
    await truncate(path, bytes);
    return new FileCard(path, bytes, await open(path, "r+"), fault);
  }

  async write(bytes: Uint8Array, at: number): Promise<void> {
    if (this.#fault === "ignores-writes") return;
    if (this.#fault === "vanishes" && at > 0) await this.#vanish();
    await this.#file.write(bytes, 0, bytes.length, at);
    this.written += bytes.length;
    // A cell that does not keep its bit.
    if (this.#fault === "corrupts" && at > 0) {
      const byte = Buffer.from([(bytes[1234] ?? 0) ^ 0x10]);
      await this.#file.write(byte, 0, 1, at + 1234);
    }
  }

  async read(length: number, at: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  }

  flush(): Promise<void> {
    return this.#file.sync();
  }

  async *readBack(length: number): AsyncGenerator<Buffer> {
    // Odd parts, as a pipe gives them.
    const part = 65_537;
    const end = this.#fault === "too-small" ? length / 2 : length;
    for (let at = 0; at < end; at += part) {
      if (this.#fault === "vanishes-later" && at > length / 2) await this.#vanish();
      yield await this.read(Math.min(part, end - at), at);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  async #vanish(): Promise<never> {
    await rm(this.path, { force: true });
    throw Object.assign(new Error("EIO: i/o error, write"), { code: "EIO" });
  }
}
