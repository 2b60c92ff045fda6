/**
 * sha256 of large files, remembered: a disk of some gigabytes is hashed once, not at each start. A file is known again
 * by real path, device, inode, size and modification time in nanoseconds.
 */

import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import { type Digest, isDigest } from "../../harness/base/units.ts";
import { writeWhole } from "../../harness/base/write-whole.ts";
import { readSmallFile } from "../../harness/config/read-small-file.ts";

const maxEntries = 500;
const maxStoreBytes = 1024 * 1024;
/** A file changed this short ago may change again within the clock's grain; its digest is not remembered. */
const settledMs = 2000;
const storeSchema = z.record(z.string(), z.string());

/** The digest of a file, from the store in `cacheDir` when the file is unchanged. */
export async function digestOfFile(
  path: string,
  cacheDir: string,
  signal: AbortSignal,
): Promise<Digest> {
  const store = join(cacheDir, "digests.json");
  const before = await fileStamp(path);
  const known = (await readStore(store))[before];
  if (known !== undefined && isDigest(known)) return known;
  const digest = await hashFile(path, signal);
  if ((await fileStamp(path)) !== before) {
    throw new UsageError(`The file '${path}' changed while it was read.`, {
      details: { "to do": "wait until whatever writes it is done" },
    });
  }
  const { mtimeMs } = await stat(path);
  if (Date.now() - mtimeMs > settledMs) await remember(store, before, digest);
  return digest;
}

/** A store that is missing or damaged is an empty one: it only saves time. */
async function readStore(store: string): Promise<Record<string, string>> {
  try {
    const bytes = await readSmallFile(store, { what: "digest store", maxBytes: maxStoreBytes });
    return storeSchema.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    return {};
  }
}

/** Two writers at once lose one entry, never the file: each writes its own and renames it into place. */
async function remember(store: string, key: string, digest: Digest): Promise<void> {
  const entries = [...Object.entries(await readStore(store)), [key, digest]].slice(-maxEntries);
  try {
    await mkdir(dirname(store), { recursive: true });
    await writeWhole(store, JSON.stringify(Object.fromEntries(entries), null, 1));
  } catch {
    // The store only saves time.
  }
}
