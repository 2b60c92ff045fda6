/**
 * A shelf of finished things in the cache, such as built disks: folders named by a key, complete or absent, since each is
 * made as a draft and renamed onto it (`draft.ts`). A folder whose record does not fit its files is removed when it is met.
 * Who takes a thing has it marked as in use in the same moment, under the lock that eviction holds too, so nothing is
 * taken from under a living user. All shelves share one limit (`shelf-room.ts`).
 */
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Draft, openDraft, takeAway } from "./draft.ts";
import { HostUnfit } from "./errors.ts";
import { type LockOptions, takeLock } from "./lock.ts";
import { livingNames, markedPart, putMark, removeDeadNames } from "./marks.ts";
import { isFullDisk, noSpaceInCache } from "./no-space.ts";
import { ownerLabel } from "./owner.ts";
import {
  blocksBelow,
  evictLocked,
  isKey,
  lockShelves,
  roomOnDisk,
  type ShelfName,
  shelfPlaces,
  shelvesLimit,
} from "./shelf-room.ts";

/** File in each folder that says what the folder holds. */
export const shelfRecordName = "record.json";

/** What every record has beside its own facts. */
const frame = z.object({
  key: z.string(),
  /** Path in the folder → size in bytes; all must be there and of that size. */
  files: z.record(z.string(), z.number()),
});

/** A thing on the shelf. */
export interface Shelved<Facts> {
  readonly key: string;
  /** Its folder. */
  readonly path: string;
  readonly facts: Facts;
}

/** A thing that is not evicted until this is disposed, or until this process has ended. */
export type Held<Facts> = Shelved<Facts> & AsyncDisposable;

export interface ShelfOptions<Facts> {
  readonly cacheDir: string;
  readonly name: ShelfName;
  /** Reads the facts of a record; raise a number in it when what is made changes. */
  readonly schema: z.ZodType<Facts>;
  /** False for a thing that what it hangs on outside has made worthless. */
  readonly isSound?: (facts: Facts) => Promise<boolean>;
  /** Bytes of all shelves and their neighbours together. Default: `shelvesLimit`. */
  readonly limitBytes?: number;
}

export interface Provision<Facts> extends LockOptions {
  /** How an error calls the thing, as in "not enough space in the cache for …". */
  readonly what: string;
  /** Puts everything into the draft and says what it is. What it throws leaves nothing behind. */
  readonly fill: (draft: string) => Promise<Facts>;
}

const { signal: never } = new AbortController();

export class Shelf<Facts> {
  readonly folder: string;
  readonly #options: ShelfOptions<Facts>;
  readonly #places: ReturnType<typeof shelfPlaces>;
  /** The marks of dead processes were removed. */
  #isSwept = false;

  constructor(options: ShelfOptions<Facts>) {
    this.#options = options;
    this.#places = shelfPlaces(options.cacheDir, options.name);
    this.folder = this.#places.folder;
  }

  path(key: string): string {
    if (!isKey(key)) throw new TypeError(`'${key.slice(0, 80)}' is not a key.`);
    return join(this.folder, key);
  }

  /** Held by the process that makes the thing. Look again with `take` once it is held. */
  async lock(key: string, options: LockOptions): Promise<AsyncDisposable> {
    await this.#makeFolder();
    return takeLock(`${this.path(key)}.lock`, options);
  }

  /** An empty folder to make a thing in; gone with its disposal unless it was published. Throws as `shelvesLimit` does. */
  async stage(key: string): Promise<Draft> {
    await this.#makeFolder();
    // What is wrong with the limit is told before hours of work and not after.
    await this.#limit();
    return openDraft(this.#places.drafts, key.slice(0, 16));
  }

  /**
   * Puts a finished folder on the shelf with all files that it holds, and returns it marked as in use. When another maker
   * was first, theirs stays. Throws the file system's own error (see `explain`).
   */
  async publish(draft: Draft, key: string, facts: Facts): Promise<Held<Facts>> {
    const { cacheDir } = this.#options;
    const path = this.path(key);
    const record = { key, files: await filesBelow(draft.path), facts };
    await writeFile(join(draft.path, shelfRecordName), `${JSON.stringify(record, null, 2)}\n`);
    await draft.sync();
    const limit = await this.#limit();
    const incoming = await blocksBelow(draft.path);
    const rest: AsyncDisposable[] = [];
    try {
      await using _lock = await lockShelves(cacheDir, never);
      rest.push(...(await evictLocked(cacheDir, { maxBytes: limit - incoming }, path)).rest);
      const there = (await draft.moveTo(path)) ? facts : await this.#validate(key);
      if (there !== null) return await this.#hold(key, there);
      throw new HostUnfit(`Another version of bootgate uses '${path}'.`, {
        details: { "to do": "wait for its end, or set XDG_CACHE_HOME to another folder" },
      });
    } finally {
      for (const one of rest) await one[Symbol.asyncDispose]();
    }
  }

  /** Whether a whole thing of that key is there now. It may be evicted in the next moment. */
  async has(key: string): Promise<boolean> {
    return (await this.#validate(key)) !== null;
  }

  /**
   * The thing of that key, marked as in use, or null. One with a file missing or cut, or with a record of another version,
   * is removed, unless another version of bootgate uses what this one cannot read.
   */
  async take(key: string): Promise<Held<Facts> | null> {
    const { cacheDir } = this.#options;
    const path = this.path(key);
    if ((await stat(path).catch(() => null)) === null) return null;
    const gone: AsyncDisposable[] = [];
    try {
      await using _lock = await lockShelves(cacheDir, never);
      const facts = await this.#validate(key);
      if (facts === null) {
        if (!(await this.#isUsedByOthers(key)))
          gone.push(await takeAway(path, this.#places.drafts));
        return null;
      }
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return await this.#hold(key, facts);
    } finally {
      for (const one of gone) await one[Symbol.asyncDispose]();
    }
  }

  /**
   * The thing of that key, made where it is not there. Of two processes that want it the second waits for the first. Throws
   * what `fill` throws, and HostUnfit where the disk is full.
   */
  async provide(key: string, { fill, what, ...how }: Provision<Facts>): Promise<Held<Facts>> {
    try {
      const found = await this.take(key);
      if (found !== null) return found;
      await using _lock = await this.lock(key, how);
      const madeMeanwhile = await this.take(key);
      if (madeMeanwhile !== null) return madeMeanwhile;
      await using draft = await this.stage(key);
      return await this.publish(draft, key, await fill(draft.path));
    } catch (error) {
      throw this.explain(error, what);
    }
  }

  /** Bytes that may be written; things that nobody uses give way for the `bytes` that are wanted. */
  async makeRoom(bytes: number, signal: AbortSignal): Promise<number> {
    await this.#makeFolder();
    return roomOnDisk(this.#options.cacheDir, bytes, signal);
  }

  /** What a full disk says, in words; other errors as they are. `what` stands for the thing: `the disk of 'x'`. */
  explain(error: unknown, what: string): unknown {
    if (!isFullDisk(error)) return error;
    const { cacheDir } = this.#options;
    return noSpaceInCache(
      cacheDir,
      `There is not enough space in the cache for ${what}.`,
      {},
      error,
    );
  }

  /** Takes it away, but not from under somebody who uses it. */
  async remove(key: string): Promise<void> {
    await this.#makeFolder();
    const { cacheDir } = this.#options;
    const { marks, drafts } = this.#places;
    const gone = await (async () => {
      await using _lock = await lockShelves(cacheDir, never);
      const used = (await livingNames(marks, cacheDir)).some((name) => markedPart(name) === key);
      return used ? null : await takeAway(this.path(key), drafts);
    })();
    await gone?.[Symbol.asyncDispose]();
  }

  /** Null for what is not whole. What cannot be read for another reason is thrown: it may be whole. */
  async #validate(key: string): Promise<Facts | null> {
    const folder = this.path(key);
    const { schema, isSound } = this.#options;
    try {
      const data: unknown = JSON.parse(await readFile(join(folder, shelfRecordName), "utf8"));
      const record = frame.extend({ facts: z.unknown() }).parse(data);
      if (record.key !== key) return null;
      for (const [name, size] of Object.entries(record.files))
        if ((await stat(join(folder, name))).size !== size) return null;
      const facts = schema.parse(record.facts);
      return (await isSound?.(facts)) === false ? null : facts;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // ENOTDIR: what another version of bootgate kept as a file.
      if (code === undefined || code === "ENOENT" || code === "ENOTDIR") return null;
      throw error;
    }
  }

  async #limit(): Promise<number> {
    const { cacheDir, limitBytes } = this.#options;
    return limitBytes ?? (await shelvesLimit(cacheDir));
  }

  /** Marks a thing; the caller holds the shelves' lock. */
  async #hold(key: string, facts: Facts): Promise<Held<Facts>> {
    const { cacheDir } = this.#options;
    const { marks } = this.#places;
    if (!this.#isSwept) await removeDeadNames(marks, cacheDir);
    this.#isSwept = true;
    const mark = await putMark(marks, key, cacheDir);
    const path = this.path(key);
    return { key, path, facts, [Symbol.asyncDispose]: () => mark[Symbol.asyncDispose]() };
  }

  async #isUsedByOthers(key: string): Promise<boolean> {
    const { cacheDir } = this.#options;
    const ours = `${ownerLabel(cacheDir)}-`;
    const names = await livingNames(this.#places.marks, cacheDir);
    return names.some((name) => markedPart(name) === key && !name.startsWith(ours));
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }
}

/** Sizes of all files below a folder, what links lead to included, by their paths. */
async function filesBelow(folder: string, prefix = ""): Promise<Record<string, number>> {
  const files: Record<string, number> = {};
  for (const { name } of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = `${prefix}${name}`;
    const facts = await stat(join(folder, path));
    if (facts.isDirectory()) Object.assign(files, await filesBelow(folder, `${path}/`));
    else files[path] = facts.size;
  }
  return files;
}
