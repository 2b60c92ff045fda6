/**
 * Tells whether a file is still the one that was looked at, and remembers for this process which files were found whole,
 * so that a disk of gigabytes is read through once and not at each boot.
 */
import { realpath, stat } from "node:fs/promises";

/**
 * Device, inode, size in bytes, times in nanoseconds and real path: another content has another stamp. Builds that clamp
 * times (SOURCE_DATE_EPOCH) and `cp -p` give two contents one size and one modification time; the change time is the kernel's
 * own and cannot be set (inode(7)).
 */
export async function fileStamp(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true });
  const times = [facts.mtimeNs, facts.ctimeNs];
  const parts = [facts.dev, facts.ino, facts.size, ...times, await realpath(path)];
  return parts.join(":");
}

const wholeFiles = new Set<string>();

/** Notes that the content behind a stamp was checked from end to end and is sound. */
export const noteWhole = (stamp: string): void => void wholeFiles.add(stamp);

/** Whether this process has checked that content before. */
export const isKnownWhole = (stamp: string): boolean => wholeFiles.has(stamp);
