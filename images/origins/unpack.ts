/**
 * Unpacks a compressed disk into the cache, once per content. The size is bounded while it is written: by a limit of the
 * kernel on the file's length (prlimit(1), RLIMIT_FSIZE) and by the disk space that is free, since a few kilobytes can
 * unpack to any number of terabytes.
 */

import { createReadStream } from "node:fs";
import { open, rm, stat, statfs, symlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createGunzip } from "node:zlib";
import { HostUnfit, messageOf, UsageError } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { type ExitFacts, startProcess } from "../../harness/base/process.ts";
import { type Digest, formatBytes } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { cacheFolder } from "../cache-folder.ts";
import type { Compression } from "../inspect/disk-kind.ts";

export interface UnpackOptions {
  readonly path: string;
  readonly compression: Compression;
  /** Digest of the compressed file; names the place in the cache. */
  readonly digest: Digest;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Largest disk, in bytes. Default 64 GiB. */
  readonly maxBytes?: number;
}

interface Limits {
  readonly maxBytes: number;
  readonly freeBytes: number;
}

const reserveBytes = 1024 ** 3;
const timeoutMs = 3_600_000;
const zeros = Buffer.alloc(256 * 1024);

/** Path of the unpacked disk. `check` judges it before it is kept. Throws UsageError for damaged data or too much of it. */
export async function unpackDisk(
  options: UnpackOptions,
  check: (path: string) => Promise<unknown>,
): Promise<string> {
  const { cacheDir, digest, signal, onProgress } = options;
  const root = join(cacheDir, "disks");
  const folder = await cacheFolder({
    root,
    name: digest.slice("sha256:".length),
    signal,
    onWait: () => onProgress(`Waiting for another bootgate that unpacks '${options.path}'.`),
    isWhole: (place) => exists(join(place, "disk")),
    fill: async (draft) => {
      const space = await statfs(root);
      const freeBytes = Math.max(0, space.bavail * space.bsize - reserveBytes);
      const limits = { maxBytes: options.maxBytes ?? 64 * 1024 ** 3, freeBytes };
      onProgress(`Unpacking '${options.path}'.`);
      if (options.compression === "gzip") await gunzip(options, join(draft, "disk"), limits);
      else await runUnpacker(options, draft, limits);
      await check(join(draft, "disk"));
    },
  });
  return join(folder, "disk");
}

const tooLarge = ({ path }: UnpackOptions, { maxBytes }: Limits): UsageError =>
  new UsageError(
    `'${path}' unpacks to more than ${formatBytes(maxBytes)}; it is not taken for a disk to boot.`,
  );
const noSpace = ({ path, cacheDir }: UnpackOptions, { freeBytes }: Limits): UsageError =>
  new UsageError(`'${path}' unpacks to more than the ${formatBytes(freeBytes)} that may be used.`, {
    details: { "to do": `free space below '${cacheDir}', or set XDG_CACHE_HOME to a larger disk` },
  });
const damaged = ({ path, compression }: UnpackOptions, reason: string): UsageError =>
  new UsageError(`'${path}' is truncated or damaged: it does not unpack as ${compression}.`, {
    details: { reason: reason.slice(-500), "to do": "download the file again" },
  });

/** Runs of zeros are left out of the file, as xz and zstd do by themselves. */
async function gunzip(options: UnpackOptions, target: string, limits: Limits): Promise<void> {
  const file = await open(target, "wx");
  const source = createReadStream(options.path, { signal: options.signal });
  const chunks = createGunzip({ chunkSize: zeros.length });
  source.on("error", (error) => chunks.destroy(error));
  try {
    let length = 0;
    let written = 0;
    for await (const chunk of source.pipe(chunks) as AsyncIterable<Buffer>) {
      if (length + chunk.length > limits.maxBytes) throw tooLarge(options, limits);
      if (!zeros.subarray(0, chunk.length).equals(chunk)) {
        written += chunk.length;
        if (written > limits.freeBytes) throw noSpace(options, limits);
        await file.write(chunk, 0, chunk.length, length);
      }
      length += chunk.length;
    }
    await file.truncate(length);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    throw damaged(options, messageOf(error));
  } finally {
    source.destroy();
    await file.close();
  }
}

/** xz and zstd write next to the file they read, named without the ending: a link in the draft folder gives both. */
async function runUnpacker(options: UnpackOptions, draft: string, limits: Limits): Promise<void> {
  const target = join(draft, "disk");
  const program = options.compression;
  const source = `${target}.${program === "xz" ? "xz" : "zst"}`;
  await symlink(resolve(options.path), source);
  const args =
    program === "xz"
      ? ["--decompress", "--keep", "--force", "--memlimit-decompress=1GiB", source]
      : ["--decompress", "--force", "--quiet", "--sparse", "--memory=1024MB", source, "-o", target];
  const size = `${limits.maxBytes}:${limits.maxBytes}`;
  await using child = startProcess("prlimit", [`--fsize=${size}`, "--", program, ...args]);
  const facts = await watchUnpacker(child.exited, target, options, limits);
  if (facts.signal === "SIGXFSZ" || /file too large/i.test(facts.stderrTail)) {
    throw tooLarge(options, limits);
  }
  if (facts.exitCode !== 0) throw damaged(options, facts.startError ?? facts.stderrTail.trim());
  await rm(source);
}

async function watchUnpacker(
  exited: Promise<ExitFacts>,
  target: string,
  options: UnpackOptions,
  limits: Limits,
): Promise<ExitFacts> {
  let ended: ExitFacts | undefined;
  const noteEnd = exited.then((facts) => {
    ended = facts;
  });
  let told = 0;
  const facts = await waitFor({
    what: `'${options.path}' to be unpacked`,
    probe: async () => {
      const { blocks, size } = await stat(target).catch(() => ({ blocks: 0, size: 0 }));
      if (blocks * 512 > limits.freeBytes) throw noSpace(options, limits);
      if (size - told >= reserveBytes) {
        told = size;
        options.onProgress(`Unpacked ${formatBytes(size)} of '${basename(options.path)}'.`);
      }
      return ended;
    },
    timeoutMs,
    onTimeout: () => new HostUnfit(`'${options.path}' was not unpacked within an hour.`),
    intervalMs: 100,
    signal: options.signal,
  });
  await noteEnd;
  return facts;
}
