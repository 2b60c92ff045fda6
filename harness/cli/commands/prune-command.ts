/** `bootgate images prune`: makes the caches smaller. What a running bootgate uses stays in any case. */
import { join } from "node:path";
import { bytesOf, evictShelves, listShelves, shelvesLimit } from "../../base/shelf-room.ts";
import { formatBytes, shortDigest } from "../../base/units.ts";
import { cacheRoot } from "../../base/workspace.ts";
import { oneLine } from "../../log/clean-text.ts";
import { storeLimit } from "../wiring/store-limit.ts";
import { openStore, print } from "./images-command.ts";

/** What is asked, as commander gives it. */
export interface PruneOptions {
  readonly all?: boolean;
  /** Milliseconds. */
  readonly olderThan?: number;
  /** Bytes that may stay in all. */
  readonly limit?: number;
}

/** Prunes the store of images and all shelves, by one limit. */
export async function pruneImages({ all, olderThan, limit }: PruneOptions): Promise<void> {
  const { signal } = new AbortController();
  const cacheDir = cacheRoot();
  const unusedSince =
    all === true ? Infinity : olderThan === undefined ? 0 : Date.now() - olderThan;
  const maxBytes = limit ?? (await shelvesLimit(cacheDir));
  const store = await openStore(signal);
  const before = { images: await store.images(), ...(await store.usage()) };
  const { limitBytes = Infinity } = storeLimit();
  await store.evict({ maxBytes: limitBytes, unusedSince, sweep: true });
  const gone = await evictShelves(cacheDir, { maxBytes, unusedSince }, signal);
  const left = { images: await store.images(), ...(await store.usage()) };
  const states = await listShelves(cacheDir);
  const stayed = new Set(left.images.map(({ digest }) => digest));
  const images = before.images.filter(({ digest }) => !stayed.has(digest));
  print([
    ...images.map(
      ({ digest, names }) => `removed ${oneLine(names[0] ?? digest, 200)} (${shortDigest(digest)})`,
    ),
    ...gone.map(({ shelf, name }) => `removed ${join(shelf, oneLine(name.slice(0, 12), 20))}`),
    `images: ${formatBytes(Math.max(0, before.total - left.total))} freed, ${formatBytes(left.total)} in use.`,
    `states: ${formatBytes(bytesOf(gone))} freed, ${formatBytes(bytesOf(states))} in use.`,
    `Together they may have ${formatBytes(maxBytes)}.`,
  ]);
}
