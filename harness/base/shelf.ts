/**
 * A shelf of finished things in the cache, such as built disks: folders named by a key, complete or absent, since each is
 * made beside the shelf and renamed onto it. A folder whose record does not fit its files is removed when it is met. The
 * shelf is bounded: the least recently used goes first, and never one that a living process has marked as in use.
 */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { takeLock } from "./lock.ts";
import { isOwnerAlive, ownerLabel } from "./workspace.ts";

/** File in each folder that says what the folder holds. */
export const shelfRecordName = "record.json";

export interface ShelfLimits {
  readonly count: number;
  /** Of blocks in use, since files have holes. */
  readonly bytes: number;
}

/** What every record has beside its own facts. */
const frame = z.object({
  key: z.string(),
  /** Name in the folder → size in bytes; all must be there and of that size. */
  files: z.record(z.string(), z.number()),
});

/** A thing on the shelf. */
export interface Shelved<Facts> {
  readonly key: string;
  /** Its folder. */
  readonly path: string;
  readonly facts: Facts;
}

/** A thing on the shelf as a list shows it. */
export interface ShelfEntry {
  readonly key: string;
  readonly bytes: number;
  readonly usedMs: number;
  readonly inUse: boolean;
}

const keyPattern = /^[0-9a-f]{64}$/;
let marks = 0;

export class Shelf<Facts> {
  readonly folder: string;
  readonly #schema: z.ZodType<Facts>;
  readonly #limits: ShelfLimits;

  /** `schema` reads the facts of a record; raise a number in it when what is made changes. */
  constructor(folder: string, schema: z.ZodType<Facts>, limits: ShelfLimits) {
    this.folder = folder;
    this.#schema = schema;
    this.#limits = limits;
  }

  path(key: string): string {
    if (!keyPattern.test(key)) throw new TypeError(`'${key.slice(0, 80)}' is not a key.`);
    return join(this.folder, key);
  }

  /** Held by the process that makes the thing. Look again with `find` once it is held. */
  async lock(key: string, signal: AbortSignal): Promise<AsyncDisposable> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    return takeLock(`${this.path(key)}.lock`, { signal });
  }

  /** An empty folder to make a thing in, on the shelf's file system; gone with its disposal unless it was published. */
  async stage(key: string): Promise<{ readonly path: string } & AsyncDisposable> {
    await this.#removeDeadStages();
    const path = join(this.#staging, `${ownerLabel()}-${key.slice(0, 16)}-${marks++}`);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return {
      path,
      [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
    };
  }

  /** Puts a finished folder on the shelf with all files that it holds. When another maker was first, theirs stays. */
  async publish(staged: string, key: string, facts: Facts): Promise<void> {
    const files: Record<string, number> = {};
    for (const name of await readdir(staged)) files[name] = (await stat(join(staged, name))).size;
    const record = { key, files, facts };
    await writeFile(join(staged, shelfRecordName), `${JSON.stringify(record, null, 2)}\n`);
    await this.#evict(key);
    await rename(staged, this.path(key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  }

  /** The thing of that key, or null. One with a file missing or cut, or with a record of another version, is removed. */
  async find(key: string): Promise<Shelved<Facts> | null> {
    const path = this.path(key);
    if ((await stat(path).catch(() => null)) === null) return null;
    const facts = await this.#validate(key);
    if (facts === null) {
      // Another version of bootgate may be using what this one cannot read.
      if (!(await this.#isUsedByOthers(key))) await this.remove(key);
      return null;
    }
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return { key, path, facts };
  }

  /** Null for what is not whole. What cannot be read for another reason is thrown: it may be whole. */
  async #validate(key: string): Promise<Facts | null> {
    const folder = this.path(key);
    try {
      const data: unknown = JSON.parse(await readFile(join(folder, shelfRecordName), "utf8"));
      const record = frame.extend({ facts: z.unknown() }).parse(data);
      if (record.key !== key) return null;
      for (const [name, size] of Object.entries(record.files))
        if ((await stat(join(folder, name))).size !== size) return null;
      return this.#schema.parse(record.facts);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || code === "ENOENT") return null;
      throw error;
    }
  }

  async #isUsedByOthers(key: string): Promise<boolean> {
    const names = await readdir(this.#inUse).catch(() => [] as string[]);
    const ours = ownerLabel();
    return names.some(
      (name) => name.endsWith(`.${key}`) && !name.startsWith(`${ours}-`) && isOwnerAlive(name),
    );
  }

  /** Keeps a thing from being evicted until disposed, or until this process has ended. */
  async use(key: string): Promise<AsyncDisposable> {
    await mkdir(this.#inUse, { recursive: true, mode: 0o700 });
    const mark = join(this.#inUse, `${ownerLabel()}-${marks++}.${key}`);
    await writeFile(mark, "");
    return { [Symbol.asyncDispose]: () => rm(mark, { force: true }).catch(() => undefined) };
  }

  /** Renamed away first, so that a half-removed thing never looks like a whole one. */
  async remove(key: string): Promise<void> {
    const away = join(this.#staging, `${ownerLabel()}-gone-${marks++}`);
    await mkdir(this.#staging, { recursive: true, mode: 0o700 });
    await rename(this.path(key), away).catch(() => undefined);
    await rm(away, { recursive: true, force: true });
  }

  /** What is on the shelf, the least recently used first. */
  async list(): Promise<ShelfEntry[]> {
    const busy = await this.#keysInUse();
    const names = await readdir(this.folder).catch(() => [] as string[]);
    const entries = names
      .filter((name) => keyPattern.test(name))
      .map(async (key) => {
        const usedMs = await stat(this.path(key)).then(
          (facts) => facts.mtimeMs,
          () => 0,
        );
        return { key, bytes: await blocksBelow(this.path(key)), usedMs, inUse: busy.has(key) };
      });
    return (await Promise.all(entries)).sort((a, b) => a.usedMs - b.usedMs);
  }

  /** Removes the least recently used until one more fits. */
  async #evict(newcomer: string): Promise<void> {
    const entries = await this.list();
    let count = entries.length;
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of entries) {
      if (count < this.#limits.count && bytes <= this.#limits.bytes) return;
      if (entry.key === newcomer || entry.inUse) continue;
      // Removing takes a while, and somebody may have begun to use this one meanwhile.
      if ((await this.#keysInUse()).has(entry.key)) continue;
      await this.remove(entry.key);
      count--;
      bytes -= entry.bytes;
    }
  }

  get #staging(): string {
    return join(this.folder, ".staging");
  }
  get #inUse(): string {
    return join(this.folder, ".in-use");
  }

  async #keysInUse(): Promise<Set<string>> {
    const busy = new Set<string>();
    for (const name of await readdir(this.#inUse).catch(() => [] as string[])) {
      if (isOwnerAlive(name)) busy.add(name.slice(name.indexOf(".") + 1));
      else await rm(join(this.#inUse, name), { force: true });
    }
    return busy;
  }

  async #removeDeadStages(): Promise<void> {
    for (const name of await readdir(this.#staging).catch(() => [] as string[]))
      if (!isOwnerAlive(name))
        await rm(join(this.#staging, name), { recursive: true, force: true });
  }
}

async function blocksBelow(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (facts) => facts.blocks * 512,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
