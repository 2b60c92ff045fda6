/** `bootgate images prune`: makes the caches smaller. What a running bootgate uses stays in any case. */
import { join } from "node:path";
import { exists } from "../../base/exists.ts";
import { evictShelves, listShelves, shelvesLimit } from "../../base/shelf-room.ts";
import { formatBytes, shortDigest } from "../../base/units.ts";
import { cacheRoot } from "../../base/workspace.ts";
import { oneLine } from "../../log/clean-text.ts";
import { openStore, print } from "./images-command.ts";

/** What is asked, as commander gives it. */
export interface PruneOptions {
  readonly all?: boolean;
  /** Milliseconds. */
  readonly olderThan?: number;
  /** Bytes that may stay of images, and as many of states. */
  readonly limit?: number;
}

const sum = (entries: readonly { readonly bytes: number }[]): number =>
  entries.reduce((all, { bytes }) => all + bytes, 0);

/** Prunes the store of images and all shelves. */
export async function pruneImages({ all, olderThan, limit }: PruneOptions): Promise<void> {
  const { signal } = new AbortController();
  const unusedSince =
    all === true ? Infinity : olderThan === undefined ? 0 : Date.now() - olderThan;
  const wish = { unusedSince, ...(limit === undefined ? {} : { limit }) };
  print([...(await pruneStore(wish, signal)), ...(await pruneShelves(wish, signal))]);
}

interface Wish {
  readonly unusedSince: number;
  readonly limit?: number;
}

async function pruneStore({ unusedSince, limit }: Wish, signal: AbortSignal): Promise<string[]> {
  const store = await openStore(signal);
  const before = await store.images();
  const nameOf = new Map(before.map(({ digest, names }) => [digest, names[0] ?? digest]));
  const maxBytes = limit ?? (await store.limitBytes());
  const { images, bytes } = await store.evict({ maxBytes, unusedSince, sweep: true });
  const { total } = await store.usage();
  return [
    ...images.map(
      (digest) => `removed ${oneLine(nameOf.get(digest) ?? digest, 200)} (${shortDigest(digest)})`,
    ),
    `images: ${formatBytes(bytes)} freed, ${formatBytes(total)} of ${formatBytes(maxBytes)} in use.`,
  ];
}

async function pruneShelves({ unusedSince, limit }: Wish, signal: AbortSignal): Promise<string[]> {
  const cacheDir = cacheRoot();
  if (!(await exists(cacheDir))) return [];
  const maxBytes = limit ?? (await shelvesLimit(cacheDir));
  const gone = await evictShelves(cacheDir, { maxBytes, unusedSince }, signal);
  const left = sum(await listShelves(cacheDir));
  return [
    ...gone.map(({ shelf, name }) => `removed ${join(shelf, oneLine(name.slice(0, 12), 20))}`),
    `states: ${formatBytes(sum(gone))} freed, ${formatBytes(left)} of ${formatBytes(maxBytes)} in use.`,
  ];
}
