/**
 * The room that all shelves of a cache and their neighbours have together: one limit in bytes, over which the thing that was
 * used longest ago goes first, wherever it lies, and never one that a living process has marked. Where the disk is nearly
 * full, things give way too. A process that looks at marks or changes what is on a shelf holds one lock of the kernel meanwhile.
 */
import { lstat, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { takeAway } from "./draft.ts";
import { UsageError } from "./errors.ts";
import { exists } from "./exists.ts";
import { takeLock, tryLockNow } from "./lock.ts";
import { livingNames, markedPart, removeDeadNames } from "./marks.ts";
import { isOwnerAlive } from "./owner.ts";
import { parseBytes } from "./units.ts";

/** All shelves there are: their folders in the cache. */
export const shelfNames = [
  "built-disks",
  "derived",
  "disks",
  "downloads",
  "package-layers",
  "rpm-repositories",
  "templates",
] as const;
export type ShelfName = (typeof shelfNames)[number];

/** A thing that takes room in the cache. */
export interface RoomEntry {
  /** Blocks in use, since files have holes; what links lead to is not counted. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly usedMs: number;
  readonly inUse: boolean;
}

/** A thing on a shelf. */
export interface ShelfEntry extends RoomEntry {
  readonly shelf: ShelfName;
  /** Its name on the shelf: a key, or what another version of bootgate left there. */
  readonly name: string;
}

/** What lies in the cache beside the shelves and shares their limit. It alone knows how its things hang together. */
export interface Neighbour {
  /** Its things; the bytes of each are those that its going frees when all that were used before it have gone. */
  list(cacheDir: string): Promise<readonly RoomEntry[]>;
  /** Takes away what was used longest ago and nobody uses, until at most so many bytes are left. */
  shrink(cacheDir: string, maxBytes: number): Promise<void>;
}

const neighbours = new Set<Neighbour>();
/** Lets a neighbour share the limit, in this process. */
export const addNeighbour = (neighbour: Neighbour): void => void neighbours.add(neighbour);

export const isKey = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** Where a shelf keeps its things, its marks and its drafts. */
export const shelfPlaces = (cacheDir: string, shelf: ShelfName) => {
  const folder = join(cacheDir, shelf);
  return {
    folder,
    marks: join(folder, ".in-use"),
    drafts: { folder: join(folder, ".staging"), cacheDir },
  };
};

/** Held for milliseconds by each process that looks at marks, marks, publishes or removes, on any shelf of the cache. */
export const lockShelves = (cacheDir: string, signal: AbortSignal): Promise<AsyncDisposable> =>
  takeLock(join(cacheDir, "shelves.lock"), { signal });

const GiB = 1024 ** 3;
/** What is left to everybody else. */
export const reserveBytes = GiB;

/**
 * Bytes that all shelves and their neighbours may have together: `BOOTGATE_STATES_LIMIT`, else three tenths of the disk, at
 * least 30 and at most 140 GiB. Throws UsageError for what is not a size.
 */
export async function shelvesLimit(cacheDir: string): Promise<number> {
  const text = process.env.BOOTGATE_STATES_LIMIT ?? "";
  if (text === "") {
    const { blocks, bsize } = await statfs(cacheDir);
    return Math.min(140 * GiB, Math.max(30 * GiB, (blocks * bsize * 3) / 10));
  }
  const bytes = parseBytes(text);
  if (bytes !== null) return bytes;
  throw new UsageError(
    `BOOTGATE_STATES_LIMIT is '${text.slice(0, 100)}'; expected a size such as 40GiB.`,
  );
}

/** All things on these shelves. */
export const listShelves = async (
  cacheDir: string,
  shelves: readonly ShelfName[] = shelfNames,
): Promise<ShelfEntry[]> =>
  (await Promise.all(shelves.map((shelf) => listShelf(cacheDir, shelf)))).flat();

async function listShelf(cacheDir: string, shelf: ShelfName): Promise<ShelfEntry[]> {
  const { folder, marks } = shelfPlaces(cacheDir, shelf);
  const names = await readdir(folder).catch(() => [] as string[]);
  const used = new Set((await livingNames(marks, cacheDir)).map(markedPart));
  const entries = names
    .filter((name) => !name.startsWith(".") && !name.endsWith(".lock"))
    .map(async (name): Promise<ShelfEntry> => {
      const path = join(folder, name);
      const usedMs = await lstat(path).then(
        (facts) => facts.mtimeMs,
        () => 0,
      );
      const inUse = isKey(name) ? used.has(name) : isUnderWay(folder, name, cacheDir);
      return { shelf, name, bytes: await blocksBelow(path), usedMs, inUse };
    });
  return Promise.all(entries);
}

/** A part of a download while its lock is held; a draft as older versions named theirs, while its maker lives. */
function isUnderWay(folder: string, name: string, cacheDir: string): boolean {
  if (!name.endsWith(partEnding)) return isOwnerAlive(name, cacheDir);
  const lock = lockOfPart(folder, name);
  lock?.[Symbol.dispose]();
  return lock === null;
}

/** What came of a file whose download was stopped. */
export const partEnding = ".part";

/** The lock that is held while somebody goes on with a part; null while somebody does. */
const lockOfPart = (folder: string, name: string): Disposable | null =>
  tryLockNow(join(folder, `${name.slice(0, -partEnding.length)}.lock`));

/** Bytes of blocks of a file or of all below a folder. */
export async function blocksBelow(path: string): Promise<number> {
  const facts = await lstat(path).catch(() => null);
  if (facts === null) return 0;
  if (!facts.isDirectory()) return facts.blocks * 512;
  const names = await readdir(path).catch(() => [] as string[]);
  const sizes = await Promise.all(names.map((name) => blocksBelow(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

export interface ShelfWish {
  /** Bytes that may stay. */
  readonly maxBytes: number;
  /** Bytes that must be freed in any case, for lack of space on the disk. */
  readonly leastFreed?: number;
  /** What was not used since then goes whatever its size. Milliseconds since 1970. */
  readonly unusedSince?: number;
  /** The shelves that are looked at, without their neighbours. Default: all, and those. */
  readonly shelves?: readonly ShelfName[];
}

/** What has to go. Where all is in use the shelves stay above their limit. Pure. */
export function planShelfEviction<Entry extends RoomEntry>(
  entries: readonly Entry[],
  { maxBytes, leastFreed = 0, unusedSince = 0 }: ShelfWish,
): readonly Entry[] {
  let total = bytesOf(entries);
  let lacking = leastFreed;
  const byUse = [...entries].sort((a, b) => a.usedMs - b.usedMs);
  return byUse.filter(({ bytes, inUse, usedMs }) => {
    if (inUse || !(usedMs < unusedSince || total > maxBytes || lacking > 0)) return false;
    total -= bytes;
    lacking -= bytes;
    return true;
  });
}

/**
 * Takes away what has to go, but not what is at `kept`. The caller holds the shelves' lock, and disposes `rest` without it:
 * that is when the files go.
 */
export async function evictLocked(
  cacheDir: string,
  wish: ShelfWish,
  kept = "",
): Promise<{ readonly gone: readonly ShelfEntry[]; readonly rest: readonly AsyncDisposable[] }> {
  const entries = await listShelves(cacheDir, wish.shelves);
  const others = entries.filter(({ shelf, name }) => join(cacheDir, shelf, name) !== kept);
  const beside = wish.shelves === undefined ? await listNeighbours(cacheDir) : [];
  const plan = planShelfEviction<ShelfEntry | NeighbourEntry>([...others, ...beside], wish);
  const gone: ShelfEntry[] = [];
  const rest = shrinkLater(cacheDir, beside, plan);
  for (const entry of plan) {
    if ("neighbour" in entry) continue;
    const { folder, drafts } = shelfPlaces(cacheDir, entry.shelf);
    using lock = entry.name.endsWith(partEnding) ? lockOfPart(folder, entry.name) : undefined;
    if (lock === null) continue;
    // What is another user's, such as root's by sudo, cannot be moved; the others can.
    const away = await takeAway(join(folder, entry.name), drafts).catch(() => null);
    if (away === null) continue;
    rest.push(away);
    gone.push(entry);
  }
  return { gone, rest };
}

interface NeighbourEntry extends RoomEntry {
  readonly neighbour: Neighbour;
}

/** What cannot be read takes no room, as far as anybody knows. */
async function listNeighbours(cacheDir: string): Promise<NeighbourEntry[]> {
  const lists = [...neighbours].map(async (neighbour) => {
    const entries = await neighbour.list(cacheDir).catch(() => []);
    return entries.map(({ bytes, usedMs, inUse }) => ({ bytes, usedMs, inUse, neighbour }));
  });
  return (await Promise.all(lists)).flat();
}

/** What these things take together. */
export const bytesOf = (entries: readonly RoomEntry[]): number =>
  entries.reduce((sum, { bytes }) => sum + bytes, 0);

/** A neighbour has a lock of its own, which nobody takes while he holds the shelves'. */
function shrinkLater(
  cacheDir: string,
  beside: readonly NeighbourEntry[],
  plan: readonly (ShelfEntry | NeighbourEntry)[],
): AsyncDisposable[] {
  const going = plan.filter((entry) => "neighbour" in entry);
  return [...new Set(going.map(({ neighbour }) => neighbour))].map((neighbour) => {
    const ofIt = (entries: readonly NeighbourEntry[]): NeighbourEntry[] =>
      entries.filter((entry) => entry.neighbour === neighbour);
    const left = bytesOf(ofIt(beside)) - bytesOf(ofIt(going));
    return {
      [Symbol.asyncDispose]: () => neighbour.shrink(cacheDir, left).catch(() => undefined),
    };
  });
}

/** Removes what has to go, by default from all shelves, and what killed makers left. Returns what went. */
export async function evictShelves(
  cacheDir: string,
  wish: ShelfWish,
  signal: AbortSignal,
): Promise<readonly ShelfEntry[]> {
  if (!(await exists(cacheDir))) return [];
  for (const shelf of shelfNames) {
    const { marks, drafts } = shelfPlaces(cacheDir, shelf);
    await removeDeadNames(marks, cacheDir);
    await removeDeadNames(drafts.folder, cacheDir);
  }
  const { gone, rest } = await (async () => {
    await using _lock = await lockShelves(cacheDir, signal);
    return await evictLocked(cacheDir, wish);
  })();
  for (const one of rest) await one[Symbol.asyncDispose]();
  return gone;
}

/** Bytes that may be taken of the disk; shelves give way for the `bytes` that are wanted. */
export async function roomOnDisk(
  cacheDir: string,
  bytes: number,
  signal: AbortSignal,
): Promise<number> {
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(cacheDir);
    return Math.max(0, bavail * bsize - reserveBytes);
  };
  const lacking = bytes - (await free());
  if (lacking <= 0) return free();
  await evictShelves(cacheDir, { maxBytes: Infinity, leastFreed: lacking }, signal);
  return free();
}
