/**
 * Unpacks a compressed disk into the cache, once per content. The size is bounded while it is written, and runs of zeros
 * are left out of the file.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { open, rm, symlink } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { createGunzip } from "node:zlib";
import { BootgateError, HostUnfit, messageOf, UsageError } from "../../harness/base/errors.ts";
import { isFullDisk } from "../../harness/base/no-space.ts";
import { type Digest, formatBytes, formatDuration } from "../../harness/base/units.ts";
import type { Compression } from "../inspect/disk-kind.ts";
import {
  type Bounds,
  noSpace,
  runBounded,
  tellEachBytes,
  timeoutMs,
  tooLarge,
} from "./bounded-run.ts";
import { keptDisk } from "./disk-shelf.ts";

export interface UnpackOptions {
  readonly path: string;
  /** How messages call it. Default: its path. */
  readonly given?: string;
  readonly compression: Compression;
  /** Digest of the compressed file; names the place in the cache. */
  readonly digest: Digest;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Largest disk, in bytes. Default 64 GiB. */
  readonly maxBytes?: number;
  /** How long gzip and bzip2 may take, milliseconds. Default: as long as the programs that unpack by themselves. */
  readonly limitMs?: number;
}

export const defaultMaxBytes = 64 * 1024 ** 3;
const zeros = Buffer.alloc(256 * 1024);
const nameOf = ({ path, given = path }: UnpackOptions): string => given;
const subjectOf = (options: UnpackOptions): string => `'${nameOf(options)}' unpacks`;

/**
 * Path of the unpacked disk. `check` judges it before it is kept. Throws UsageError for damaged data or too much of it,
 * HostUnfit for what this host lacks.
 */
export async function unpackDisk(
  options: UnpackOptions,
  check: (path: string) => Promise<unknown>,
): Promise<string> {
  const { path, cacheDir, digest, signal, onProgress, compression, maxBytes } = options;
  const name = nameOf(options);
  return keptDisk({
    path,
    cacheDir,
    digest,
    form: "plain",
    maxBytes: maxBytes ?? defaultMaxBytes,
    given: name,
    verb: "unpacks",
    signal,
    onProgress,
    make: async (target, bounds) => {
      onProgress(`Unpacking '${name}'.`);
      using limit = startLimit(name, signal, options.limitMs);
      const limited = { ...options, signal: limit.signal };
      if (compression === "gzip") await gunzip(limited, target, bounds);
      else if (compression === "bzip2") await bunzip(limited, target, bounds);
      else await runUnpacker(options, target, bounds);
      await check(target);
    },
  });
}

/** A signal that aborts after a while, too. */
function startLimit(name: string, outer: AbortSignal, limitMs = timeoutMs) {
  const own = new AbortController();
  const late = new HostUnfit(`'${name}' was not unpacked within ${formatDuration(limitMs)}.`);
  const timer = setTimeout(() => own.abort(late), limitMs);
  const signal = AbortSignal.any([outer, own.signal]);
  return { signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

const tellBytes = (options: UnpackOptions, bytes: number): void =>
  options.onProgress(`Unpacked ${formatBytes(bytes)} of '${basename(nameOf(options))}'.`);

const damaged = (options: UnpackOptions, reason: string): UsageError =>
  new UsageError(
    `'${nameOf(options)}' is truncated or damaged: it does not unpack as ${options.compression}.`,
    {
      details: { reason: reason.slice(-500), "to do": "download the file again" },
    },
  );

async function gunzip(options: UnpackOptions, target: string, bounds: Bounds): Promise<void> {
  const source = createReadStream(options.path, { signal: options.signal });
  const chunks = createGunzip({ chunkSize: zeros.length });
  source.on("error", (error) => chunks.destroy(error));
  try {
    await writeSparse(source.pipe(chunks), options, target, bounds);
  } finally {
    source.destroy();
  }
}

/** bzip2(1) writes each zero by itself, so its output is taken through a pipe; it dies with the harness. */
async function bunzip(options: UnpackOptions, target: string, bounds: Bounds): Promise<void> {
  const file = await open(options.path, "r");
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "--", "bzip2", "--decompress", "--stdout"],
    {
      stdio: [file.fd, "pipe", "pipe"],
    },
  );
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("latin1")).slice(-2000);
  });
  const kill = (): void => void child.kill("SIGKILL");
  options.signal.addEventListener("abort", kill, { once: true });
  const ended = once(child, "close") as Promise<[number | null]>;
  ended.catch(() => undefined);
  try {
    if (child.stdout === null) throw new TypeError("A pipe was asked for.");
    await writeSparse(child.stdout, options, target, bounds);
    const [code] = await ended;
    options.signal.throwIfAborted();
    if (code === 0) return;
    if (code !== 126 && code !== 127) throw damaged(options, said.trim());
    throw new HostUnfit("The host command 'bzip2' cannot be started.", {
      details: { said: said.trim() },
      lookAt: "npm run -s bootgate -- doctor",
    });
  } finally {
    kill();
    options.signal.removeEventListener("abort", kill);
    await ended.catch(() => undefined);
    await file.close();
  }
}

/** Runs of zeros are left out of the file, as xz and zstd do by themselves. */
async function writeSparse(
  chunks: AsyncIterable<Buffer>,
  options: UnpackOptions,
  target: string,
  bounds: Bounds,
): Promise<void> {
  const file = await open(target, "wx");
  try {
    let length = 0;
    let written = 0;
    let told = 0;
    for await (const chunk of chunks) {
      if (length + chunk.length > bounds.maxBytes) throw tooLarge(subjectOf(options), bounds);
      if (!zeros.subarray(0, chunk.length).equals(chunk)) {
        written += chunk.length;
        if (written > bounds.freeBytes) throw noSpace(subjectOf(options), bounds, options.cacheDir);
        await file.write(chunk, 0, chunk.length, length);
      }
      length += chunk.length;
      if (length < told + tellEachBytes) continue;
      told = length;
      tellBytes(options, length);
    }
    await file.truncate(length);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof BootgateError) throw error;
    if (isFullDisk(error)) throw noSpace(subjectOf(options), bounds, options.cacheDir);
    throw damaged(options, messageOf(error));
  } finally {
    await file.close();
  }
}

/** xz and zstd write next to the file they read, named without the ending: a link in the draft folder gives both. */
async function runUnpacker(options: UnpackOptions, target: string, bounds: Bounds): Promise<void> {
  const { path, cacheDir, signal } = options;
  const program = options.compression;
  const source = `${target}.${program === "xz" ? "xz" : "zst"}`;
  await symlink(resolve(path), source);
  await runBounded({
    subject: subjectOf(options),
    program,
    args:
      program === "xz"
        ? ["--decompress", "--keep", "--force", "--memlimit-decompress=1GiB", source]
        : [
            "--decompress",
            "--force",
            "--quiet",
            "--sparse",
            "--memory=1024MB",
            source,
            "-o",
            target,
          ],
    target,
    bounds,
    cacheDir,
    signal,
    onBytes: (bytes) => tellBytes(options, bytes),
    damaged: (reason) => damaged(options, reason),
  });
  await rm(source);
}
