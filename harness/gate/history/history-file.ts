/**
 * Where the history lives: one file that runs append to, or a folder with one file a run, for shards that cannot share
 * a file. What is there decides which; of what is not there yet, a name with an extension (`history.jsonl`, `hist.json`)
 * becomes a file, and any other (`history`, `history.d/`) a folder. Appending is one write(2) with O_APPEND, so runs on
 * one host do not tear each other's lines.
 */
import { constants } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { messageOf, UsageError } from "../../base/errors.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { readEnd } from "../../base/read-end.ts";
import {
  type HistoryLine,
  historyText,
  type ParsedHistory,
  parseHistory,
  untilNow,
} from "./history.ts";

/** The newest part of a long history is read, the rest is too old to expect anything by. */
const defaultMaxBytes = 32 * 1024 * 1024;
const maxFiles = 10_000;

/**
 * Appends lines, to the file or to the run's own file in the folder. A half line that a killed writer left is ended
 * first, so that it spoils no line but itself.
 */
export async function appendHistory(path: string, lines: readonly HistoryLine[]): Promise<void> {
  const first = lines[0];
  if (first === undefined) return;
  const target = (await isFolder(path)) ? join(path, `${fileNameOf(first.run)}.jsonl`) : path;
  await makeFolder(dirname(target)).catch((error: unknown) => {
    throw unusable(path, error);
  });
  const file = await open(
    target,
    constants.O_APPEND | constants.O_CREAT | constants.O_RDWR,
    0o644,
  ).catch((error: unknown) => {
    throw unusable(path, error);
  });
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    const start = size === 0 || last[0] === 10 ? "" : "\n";
    await file.write(start + historyText(lines));
  } finally {
    await file.close();
  }
}

export interface ReadHistoryOptions {
  /** 32 MiB unless told. */
  readonly maxBytes?: number;
  /** What was written later than a day after it is left out. */
  readonly now?: Date;
}

/** Reads a history; one that does not exist yet is empty. At most `maxBytes`, the newest, and nothing of the future. */
export async function readHistory(
  path: string,
  { maxBytes = defaultMaxBytes, now = new Date() }: ReadHistoryOptions = {},
): Promise<ParsedHistory> {
  const files = (await isFolder(path)) ? await filesIn(path) : [path];
  let left = maxBytes;
  const texts: string[] = [];
  // File names of a folder begin with the run's time, so the last are the newest.
  for (const file of files.toReversed()) {
    if (left <= 0) break;
    const text = await readTail(file, left);
    left -= Buffer.byteLength(text);
    texts.push(text);
  }
  const { lines, damaged } = parseHistory(texts.reverse().join("\n"));
  return { lines: untilNow(lines, now), damaged };
}

async function isFolder(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => null);
  if (entry !== null) return entry.isDirectory();
  return path.endsWith("/") || extname(path) === "";
}

/** The folder's files, oldest first. What else lies there, a folder or a pipe, is nobody's history. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw unusable(folder, error);
  });
  const paths = names
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .slice(-maxFiles)
    .map((name) => join(folder, name));
  const facts = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  return paths.filter((_path, index) => facts[index]?.isFile() === true);
}

const fileNameOf = (run: string): string =>
  run.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_");

async function readTail(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw unusable(path, error);
    },
  );
  if (file === null) return "";
  try {
    return await tailOf(file, path, maxBytes);
  } finally {
    await file.close();
  }
}

async function tailOf(file: FileHandle, path: string, maxBytes: number): Promise<string> {
  const facts = await file.stat();
  if (!facts.isFile()) throw new UsageError(`The history '${path}' is not a regular file.`);
  const { start, bytes } = await readEnd(file, { maxBytes });
  const text = bytes.toString("utf8");
  // Cut in the middle: the first line is half a line.
  return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
}

const unusable = (path: string, error: unknown): UsageError =>
  new UsageError(`The history '${path}' cannot be used: ${messageOf(error)}.`, { cause: error });
