/** A disk that is full is the host's fault, wherever it shows; this is how it is told. */
import { type StatsFs, statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { HostUnfit } from "./errors.ts";
import { cacheRoot } from "./places.ts";

/** A full disk, a used-up quota, a file that may not grow further (write(2)). */
export const isFullDisk = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  ["ENOSPC", "EDQUOT", "EFBIG"].includes(String(error.code));

/** The one thing to do about a full cache. */
const makeSpaceInCache = (folder: string): string =>
  `free space below '${folder}' ('images prune' removes what no run uses), or set XDG_CACHE_HOME to a larger disk`;

/** The one thing to do about a full disk: what is in the cache can be removed by bootgate itself. */
export const makeSpace = (folder: string): string =>
  isInCache(folder)
    ? makeSpaceInCache(folder)
    : `free space on the disk that holds '${folder}', or name a folder on a larger one`;

function isInCache(path: string): boolean {
  try {
    return `${resolve(path)}${sep}`.startsWith(`${resolve(cacheRoot())}${sep}`);
  } catch {
    // A user without a home.
    return false;
  }
}

/** The folder of the call that failed for lack of space, as Node tells it; else the cache. */
export function fullFolderOf(error: unknown): string {
  const path = error instanceof Error && "path" in error ? error.path : undefined;
  return typeof path === "string" && path !== "" ? dirname(resolve(path)) : cacheRoot();
}

/** `headline` is a whole sentence; `details` say how much is needed and how much is there. */
export const noSpaceIn = (
  folder: string,
  headline: string,
  details: Readonly<Record<string, string | undefined>> = {},
  cause?: unknown,
): HostUnfit =>
  new HostUnfit(headline, { cause, details: { ...details, "to do": makeSpace(folder) } });

/** The same for a cache, wherever it lies. */
export const noSpaceInCache = (
  cacheDir: string,
  headline: string,
  details: Readonly<Record<string, string | undefined>> = {},
  cause?: unknown,
): HostUnfit =>
  new HostUnfit(headline, { cause, details: { ...details, "to do": makeSpaceInCache(cacheDir) } });

/** Less than this is nothing: QEMU's own images grow by 64 KiB at a time. */
const nothingBytes = 1024 ** 2;

/** Why nothing more can be written to a folder, or null where there is space or nothing can be said. */
export async function whyFull(folder: string): Promise<HostUnfit | null> {
  return judge(folder, await statfs(folder).catch(() => null));
}

/** The same at once, for where a verdict is due. */
export function whyFullNow(folder: string): HostUnfit | null {
  try {
    return judge(folder, statfsSync(folder));
  } catch {
    return null;
  }
}

function judge(folder: string, facts: StatsFs | null): HostUnfit | null {
  // Some file systems do not say how large they are, such as those of FUSE; they say nothing of what is free either.
  if (facts === null || facts.blocks === 0) return null;
  // What a file system reserves is for root (tune2fs(8), -m).
  const free = process.getuid?.() === 0 ? facts.bfree : facts.bavail;
  if (free * facts.bsize >= nothingBytes) return null;
  return noSpaceIn(folder, `The disk that holds '${folder}' is full.`);
}
