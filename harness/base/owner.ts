/**
 * Who owns a folder or file. In each place that it uses (the cache, the folder for sockets) a process holds a kernel
 * lock on one file of its own, and whatever it makes there carries that file's name. A pid would not do: containers
 * count them separately and share a place.
 */
import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { HostUnfit, messageOf } from "./errors.ts";
import { tryLockNow } from "./lock.ts";
import { cacheRoot } from "./places.ts";

/** Where the locked files of a place are. */
const ownersFolder = (place: string): string => join(place, "owners");

/** This process's labels, by the folder of owners. */
const mine = new Map<string, { readonly label: string; readonly lock: Disposable }>();

/**
 * A label that names this process for good: `<pid>-<random number>`. The first call locks a file in the place for the
 * rest of this process's life. Throws HostUnfit when the place cannot be written to.
 */
export function ownerLabel(place = cacheRoot()): string {
  const folder = ownersFolder(place);
  const known = mine.get(folder);
  if (known !== undefined) return known.label;
  if (mine.size === 0) process.once("exit", leave);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (;;) {
      const label = `${process.pid}-${randomInt(2 ** 48 - 1)}`;
      const lock = tryLockNow(join(folder, label));
      if (lock === null) continue;
      mine.set(folder, { label, lock });
      return label;
    }
  } catch (error) {
    if (error instanceof HostUnfit) throw error;
    throw new HostUnfit(`The folder '${place}' cannot be written to.`, {
      details: {
        reason: messageOf(error),
        "to do": "set XDG_CACHE_HOME to a folder that can be written to",
      },
      cause: error,
    });
  }
}

/** A killed process leaves its file behind, without the lock; `removeDeadOwners` takes it away. */
function leave(): void {
  for (const { lock } of mine.values()) lock[Symbol.dispose]();
}

/** True while the process whose label a name begins with is alive, and where nobody can tell: the label is another user's. */
export function isOwnerAlive(name: string, place = cacheRoot()): boolean {
  const label = /^\d+-\d+/.exec(name)?.[0];
  if (label === undefined) return false;
  const folder = ownersFolder(place);
  if (mine.get(folder)?.label === label) return true;
  const path = join(folder, label);
  if (!existsSync(path)) return false;
  try {
    const lock = tryLockNow(path);
    lock?.[Symbol.dispose]();
    return lock === null;
  } catch (error) {
    if (isRefused(error)) return true;
    throw error;
  }
}

const isRefused = (error: unknown): boolean =>
  ["EACCES", "EPERM"].includes(String((error as NodeJS.ErrnoException).code));

/** Removes the files of processes that have ended, where this user may see them. */
export function removeDeadOwners(place = cacheRoot()): void {
  const folder = ownersFolder(place);
  if (!existsSync(folder)) return;
  for (const label of labelsIn(folder)) isOwnerAlive(label, place);
}

function labelsIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isRefused(error)) return [];
    throw error;
  }
}
