/** Shelves of a cache for tests, and things of some kilobytes to put on them. */
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Shelf } from "../../../harness/base/shelf.ts";
import { listShelves, type ShelfName } from "../../../harness/base/shelf-room.ts";

const schema = z.strictObject({ version: z.literal(1), what: z.string() });

export const key = (digit: string): string => digit.repeat(64);

/** Drafts that lie there. */
export const staging = (shelf: { readonly folder: string }): Promise<string[]> =>
  readdir(join(shelf.folder, ".staging")).catch(() => []);

export function shelfScene(cacheDir: string) {
  const open = (limitBytes = 1024 ** 3, name: ShelfName = "disks") =>
    new Shelf({ cacheDir, name, schema, limitBytes });
  return {
    open,
    /** Puts a thing on the shelf, last used at that time. */
    async put(shelf: ReturnType<typeof open>, name: string, usedMs = Date.now()): Promise<void> {
      await using draft = await shelf.stage(name);
      await mkdir(join(draft.path, "deep"));
      await writeFile(join(draft.path, "deep", "disk"), Buffer.alloc(50_000, "x"));
      await using _held = await shelf.publish(draft, name, { version: 1, what: "a disk" });
      await utimes(shelf.path(name), new Date(usedMs), new Date(usedMs));
    },
    /** Shelf and first letter of each thing, sorted. */
    names: async (): Promise<string[]> =>
      (await listShelves(cacheDir)).map(({ shelf, name }) => `${shelf}/${name[0]}`).sort(),
  };
}
export type ShelfScene = ReturnType<typeof shelfScene>;
