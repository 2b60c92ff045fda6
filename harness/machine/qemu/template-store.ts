/**
 * The shelf of templates: folders named by key, complete or absent (made beside, then renamed). A template with a file
 * missing or cut is removed when it is found. The shelf is bounded: the least recently used goes, never one in use.
 */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fileStamp } from "../../base/file-stamp.ts";
import { isOwnerAlive, ownerLabel } from "../../base/workspace.ts";

export const templateFileName = "template.json";

const templateRecord = z.object({
  version: z.literal(2),
  key: z.string(),
  /** Name in the folder → size in bytes; all must be there and of that size. */
  files: z.record(z.string(), z.number()),
  /** Files outside on which the disks rest, with their `fileStamp`: changed ones make the template worthless. */
  backing: z.array(z.object({ path: z.string(), stamp: z.string() })),
  /** Files of the firmware, which stays outside. */
  code: z.object({ path: z.string(), format: z.enum(["raw", "qcow2"]) }).nullable(),
  varsFormat: z.enum(["raw", "qcow2"]),
  needsSmm: z.boolean(),
  /** File in the folder for each disk; null for a medium that is used where it lies. */
  disks: z.array(z.string().nullable()),
});
export type TemplateRecord = z.infer<typeof templateRecord>;

export interface ShelfLimits {
  readonly count: number;
  readonly bytes: number;
}

let marks = 0;

export class TemplateStore {
  readonly folder: string;
  readonly #limits: ShelfLimits;

  constructor(cacheDir: string, limits: ShelfLimits) {
    this.folder = join(cacheDir, "templates");
    this.#limits = limits;
  }

  path(key: string): string {
    return join(this.folder, key);
  }

  /** An empty folder to build a template in, on the same file system as the shelf. */
  async stage(key: string): Promise<string> {
    await this.#removeDeadStages();
    const path = join(this.folder, ".staging", `${ownerLabel()}-${key.slice(0, 16)}-${marks++}`);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** Puts a finished folder on the shelf. When another maker was first, theirs stays. */
  async publish(staged: string, record: TemplateRecord): Promise<void> {
    await writeFile(join(staged, templateFileName), `${JSON.stringify(record, null, 2)}\n`);
    await this.evict(record.key);
    await rename(staged, this.path(record.key)).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      await rm(staged, { recursive: true, force: true });
    });
  }

  /** The record of a sound template, or null. A damaged one is removed. */
  async read(key: string): Promise<TemplateRecord | null> {
    const folder = this.path(key);
    if ((await stat(folder).catch(() => null)) === null) return null;
    const record = await this.#validate(key).catch(() => null);
    if (record === null) await this.remove(key);
    return record;
  }

  async #validate(key: string): Promise<TemplateRecord | null> {
    const text = await readFile(join(this.path(key), templateFileName), "utf8");
    const record = templateRecord.parse(JSON.parse(text));
    if (record.key !== key) return null;
    for (const [name, size] of Object.entries(record.files))
      if ((await stat(join(this.path(key), name))).size !== size) return null;
    for (const { path, stamp } of record.backing)
      if ((await fileStamp(path)) !== stamp) return null;
    if (record.code !== null) await stat(record.code.path);
    return record;
  }

  /** Marks a template as used now and in use until disposed (or until this process has ended). */
  async use(key: string): Promise<AsyncDisposable> {
    const folder = join(this.folder, ".in-use");
    await mkdir(folder, { recursive: true });
    const mark = join(folder, `${ownerLabel()}-${marks++}.${key}`);
    await writeFile(mark, "");
    const now = new Date();
    await utimes(this.path(key), now, now).catch(() => undefined);
    return { [Symbol.asyncDispose]: () => rm(mark, { force: true }).catch(() => undefined) };
  }

  /** Renamed away first, so that a half-removed template never looks like a whole one. */
  async remove(key: string): Promise<void> {
    const away = join(this.folder, ".staging", `${ownerLabel()}-gone-${marks++}`);
    await mkdir(join(this.folder, ".staging"), { recursive: true });
    await rename(this.path(key), away).catch(() => undefined);
    await rm(away, { recursive: true, force: true });
  }

  /** Removes the least recently used templates until one more fits. */
  async evict(newcomer: string): Promise<void> {
    const busy = await this.#keysInUse();
    const entries = await this.#entries();
    let count = entries.length;
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    const victims = entries
      .filter(({ key }) => key !== newcomer && !busy.has(key))
      .sort((a, b) => a.usedMs - b.usedMs);
    for (const victim of victims) {
      if (count < this.#limits.count && bytes <= this.#limits.bytes) return;
      await this.remove(victim.key);
      count--;
      bytes -= victim.bytes;
    }
  }

  async #entries(): Promise<{ key: string; bytes: number; usedMs: number }[]> {
    const keys = (await readdir(this.folder).catch(() => [] as string[])).filter((name) =>
      /^[0-9a-f]{64}$/.test(name),
    );
    const all = keys.map(async (key) => {
      const names = await readdir(this.path(key)).catch(() => [] as string[]);
      const sizes = await Promise.all(
        // Blocks, not length: memory files have holes.
        names.map((name) =>
          stat(join(this.path(key), name)).then(
            (facts) => facts.blocks * 512,
            () => 0,
          ),
        ),
      );
      const usedMs = await stat(this.path(key)).then(
        (facts) => facts.mtimeMs,
        () => 0,
      );
      return { key, bytes: sizes.reduce((sum, size) => sum + size, 0), usedMs };
    });
    return Promise.all(all);
  }

  async #keysInUse(): Promise<Set<string>> {
    const folder = join(this.folder, ".in-use");
    const busy = new Set<string>();
    for (const name of await readdir(folder).catch(() => [] as string[])) {
      if (isOwnerAlive(name)) busy.add(name.slice(name.indexOf(".") + 1));
      else await rm(join(folder, name), { force: true });
    }
    return busy;
  }

  async #removeDeadStages(): Promise<void> {
    const folder = join(this.folder, ".staging");
    for (const name of await readdir(folder).catch(() => [] as string[]))
      if (!isOwnerAlive(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
