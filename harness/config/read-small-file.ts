/**
 * Reads a file that a person or a tool handed us, up to a limit. What is wrong with it (missing, a folder, too large,
 * binary) is said before any parser sees it, since parsers answer such things with riddles.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { UsageError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";

export interface ReadOptions {
  /** What the file is, in words that follow "The": `catalogue`, `index of the OCI layout`. */
  readonly what: string;
  readonly maxBytes: number;
}

/** The whole file. Throws UsageError when it is missing, not a regular file, not readable, or larger than `maxBytes`. */
export async function readSmallFile(path: string, options: ReadOptions): Promise<Buffer> {
  const file = await openForReading(path, options.what);
  try {
    const facts = await file.stat();
    if (!facts.isFile()) {
      const kind = facts.isDirectory() ? "a folder" : "not a regular file";
      throw new UsageError(`The ${options.what} '${path}' is ${kind}; expected a file.`);
    }
    if (facts.size > options.maxBytes) throw tooLarge(path, options, facts.size);
    // One byte more than allowed, so that a file that grows meanwhile is noticed and never read to its end.
    const room = Buffer.alloc(Math.min(facts.size, options.maxBytes) + 1);
    let filled = 0;
    for (;;) {
      const { bytesRead } = await file.read(room, filled, room.length - filled, filled);
      filled += bytesRead;
      if (bytesRead === 0 || filled === room.length) break;
    }
    if (filled > options.maxBytes) throw tooLarge(path, options, filled);
    return room.subarray(0, filled);
  } finally {
    await file.close();
  }
}

function tooLarge(path: string, { what, maxBytes }: ReadOptions, size: number): UsageError {
  return new UsageError(
    `The ${what} '${path}' is larger than ${formatBytes(maxBytes)} (${formatBytes(size)}); it cannot be one.`,
  );
}

/** Opens without waiting: a named pipe in the place of a file must not hang the program (open(2), O_NONBLOCK). */
async function openForReading(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new UsageError(`The ${what} '${path}' ${openFailure(cause)}.`, { cause });
  }
}

/** Why a file cannot be opened, as the end of a sentence. */
export function openFailure(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const known: Readonly<Record<string, string>> = {
    ENOENT: "does not exist",
    ENOTDIR: "does not exist: a part of its path is a file, not a folder",
    EACCES: "may not be read by this user",
    ELOOP: "cannot be found: its links go round in a circle",
    ENAMETOOLONG: "does not exist: the name is too long",
  };
  return known[code] ?? `cannot be opened (${code})`;
}

/** The bytes as text. Throws UsageError for what is not UTF-8 or holds NUL bytes. */
export function decodeText(bytes: Uint8Array, path: string, what: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Told below, in the same words as for NUL bytes.
  }
  throw new UsageError(`The ${what} '${path}' is binary; expected text in UTF-8.`);
}
