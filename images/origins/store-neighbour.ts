/** The store of images as a neighbour of the shelves: what it has and what it lets go of, for the one limit of the cache. */
import { join } from "node:path";
import { exists } from "../../harness/base/exists.ts";
import type { Neighbour } from "../../harness/base/shelf-room.ts";
import { ImageStore } from "./store.ts";
import { roomEntries } from "./store-room.ts";

const { signal } = new AbortController();

async function openThere(cacheDir: string): Promise<ImageStore | null> {
  if (!(await exists(join(cacheDir, "oci")))) return null;
  return ImageStore.open({ cacheDir, signal, onProgress: () => undefined });
}

export const storeNeighbour: Neighbour = {
  list: async (cacheDir) => {
    const store = await openThere(cacheDir);
    return store === null ? [] : roomEntries(await store.facts());
  },
  shrink: async (cacheDir, maxBytes) => {
    const store = await openThere(cacheDir);
    await store?.evict({ maxBytes: Math.max(0, maxBytes) });
  },
};
