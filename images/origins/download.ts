/**
 * Downloads a file whose SHA-256 is known into the cache. What came of it stays under a name of its own, so a download
 * that is killed goes on where it was; the file gets its final name only when it has its checksum.
 */
import { open, rename, rm, stat, truncate } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { z } from "zod";
import { syncPath } from "../../harness/base/draft.ts";
import { BootgateError, messageOf, UsageError } from "../../harness/base/errors.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import { isFullDisk } from "../../harness/base/no-space.ts";
import { Shelf } from "../../harness/base/shelf.ts";
import { partEnding } from "../../harness/base/shelf-room.ts";
import { formatBytes } from "../../harness/base/units.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import { type Bounds, noSpace } from "./bounded-run.ts";
import { PassingTrouble, persist, type RemoteOptions, request, shown } from "./https-request.ts";

export interface DownloadOptions extends RemoteOptions {
  readonly url: URL;
  /** 64 hex digits in small letters. */
  readonly sha256: string;
  readonly cacheDir: string;
  /** Largest file, in bytes. Default 64 GiB. */
  readonly maxBytes?: number;
}

const schema = z.strictObject({ version: z.literal(1) });
/** The file in its folder on the shelf. */
const fileName = "file";

/** Path of the whole file, which this process has marked as in use. Throws UsageError for a file that is not there, too large or another one; HostUnfit else. */
export async function download(options: DownloadOptions): Promise<string> {
  const { url, sha256, cacheDir, signal, onProgress } = options;
  const shelf = new Shelf({ cacheDir, name: "downloads", schema });
  const held = await shelf.provide(sha256, {
    what: `'${shown(url)}'`,
    signal,
    onWait: (holder) => onProgress(waitWords(holder, `downloads '${shown(url)}'`)),
    fill: async (draft) => {
      const part = `${shelf.path(sha256)}${partEnding}`;
      await fetchWhole({ ...options, part, makeRoom: (bytes) => shelf.makeRoom(bytes, signal) });
      // Before it moves: a kill while it is brought to the disk would lose it from the draft.
      await syncPath(part);
      await rename(part, join(draft, fileName));
      return { version: 1 };
    },
  });
  return join(held.path, fileName);
}

interface Fetch extends DownloadOptions {
  /** Where it grows. It stays there when this process is killed. */
  readonly part: string;
  readonly makeRoom: (bytes: number) => Promise<number>;
}

/** A part that another server, or a server of today, does not go on with rightly is thrown away once. */
async function fetchWhole(options: Fetch): Promise<void> {
  const { part, sha256, signal } = options;
  for (const isLast of [false, true]) {
    const begun = await sizeOf(part);
    const wasWhole = await fetchPart(options);
    const got = await hashFile(part, signal);
    if (got === `sha256:${sha256}`) return;
    await rm(part, { force: true });
    if (isLast || (begun === 0 && wasWhole)) throw notTheFile(options, got);
  }
}

const notTheFile = ({ url, sha256 }: DownloadOptions, got: string): UsageError =>
  new UsageError(`What '${shown(url)}' gives is not the file that its checksum names.`, {
    details: { expected: `sha256:${sha256}`, got },
  });

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Fetches until the server says that this is all. True where one answer brought it all. */
async function fetchPart(options: Fetch): Promise<boolean> {
  const { url, onProgress, part } = options;
  let answers = 0;
  let size = await sizeOf(part);
  onProgress(
    size === 0
      ? `Downloading '${shown(url)}'.`
      : `Downloading '${shown(url)}', from ${formatBytes(size)} on.`,
  );
  await persist(
    url,
    options,
    async () => {
      size = await sizeOf(part);
      answers++;
      const headers = size === 0 ? {} : { headers: { range: `bytes=${size}-` } };
      const response = await request({ ...options, ...headers, mayLeaveTls: true });
      try {
        const begin = await beginOf(response, part, size);
        if (begin === null) return;
        size = begin;
        await append(options, response, begin, (bytes) => {
          size = bytes;
        });
      } finally {
        response.destroy();
      }
    },
    () => size,
  );
  return answers === 1;
}

/** Where the answer's bytes belong, or null when there are none left. A server that cannot go on begins from the start. */
async function beginOf(
  response: IncomingMessage,
  part: string,
  size: number,
): Promise<number | null> {
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers["content-range"] ?? "");
  if (response.statusCode === 206 && Number(range?.[1]) === size) return size;
  if (response.statusCode === 416 && Number(range?.[2]) === size) return null;
  await truncate(part, 0).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (response.statusCode === 200) return 0;
  throw new PassingTrouble("the server does not go on with what has come", 0);
}

async function append(
  options: Fetch,
  response: IncomingMessage,
  begin: number,
  onSize: (bytes: number) => void,
): Promise<void> {
  const { url, signal, onProgress, cacheDir, part } = options;
  const told = response.headers["content-length"];
  const total = told === undefined ? null : begin + Number(told);
  const coded = response.headers["content-encoding"] ?? "identity";
  if (coded !== "identity")
    throw new PassingTrouble(`the server sends it coded (${coded.slice(0, 20)})`);
  const maxBytes = options.maxBytes ?? 64 * 1024 ** 3;
  const wanted = Math.min(maxBytes, total ?? 0) - begin;
  const bounds = { maxBytes, freeBytes: await options.makeRoom(wanted) };
  const expectRoom = (bytes: number): void => {
    if (bytes > bounds.maxBytes) throw tooLarge(url, bounds);
    if (bytes - begin > bounds.freeBytes) throw noSpace(`'${shown(url)}' comes`, bounds, cacheDir);
  };
  if (total !== null) expectRoom(total);
  const file = await open(part, begin === 0 ? "w" : "r+", 0o600);
  try {
    let at = begin;
    let line = nextLine(at, total);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      expectRoom(at + chunk.length);
      await file.write(chunk, 0, chunk.length, at);
      at += chunk.length;
      onSize(at);
      if (at < line) continue;
      line = nextLine(at, total);
      const of = total === null ? "" : ` of ${formatBytes(total)}`;
      onProgress(`Downloaded ${formatBytes(at)}${of} of '${shown(url)}'.`);
    }
    if (total !== null && at < total) throw new PassingTrouble("the connection ended too early");
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BootgateError || error instanceof PassingTrouble) throw error;
    if (isFullDisk(error)) throw noSpace(`'${shown(url)}' comes`, bounds, cacheDir);
    throw new PassingTrouble(messageOf(error));
  } finally {
    await file.close();
  }
}

const tooLarge = (url: URL, { maxBytes }: Bounds): UsageError =>
  new UsageError(
    `'${shown(url)}' is larger than ${formatBytes(maxBytes)}; it is not taken for a disk to boot.`,
  );

/** Each tenth is told, and not more often than each 64 MiB. */
const nextLine = (at: number, total: number | null): number =>
  at + Math.max(64 * 1024 ** 2, (total ?? 0) / 10);
