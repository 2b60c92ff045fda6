/** `bootgate clean`: removes what killed runs left behind, and caches when asked; never what a running bootgate uses. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { liveSlotKinds } from "../../../images/live/kinds.ts";
import { ImageStore } from "../../../images/origins/store.ts";
import { removeSlots, slotKinds } from "../../../images/reference/cache-slot.ts";
import { exists } from "../../base/exists.ts";
import { requireCache } from "../../base/places.ts";
import { evictShelves, listShelves, shelfNames } from "../../base/shelf-room.ts";
import { cacheRoot, removeDeadWorkspaces } from "../../base/workspace.ts";
import { reapEverywhere } from "../../machine/libvirt/reap.ts";

const { signal } = new AbortController();

/** Removes and says what, and what stays because it is in use. */
export async function clean(options: {
  readonly templates?: boolean;
  readonly images?: boolean;
}): Promise<void> {
  const cacheDir = cacheRoot();
  if (await exists(cacheDir)) await requireCache(cacheDir);
  const shelves = shelfNames.filter((name) =>
    name === "templates" ? options.templates === true : options.images === true,
  );
  const removed = [...(await removeDeadWorkspaces()), ...(await cleanShelves(cacheDir, shelves))];
  const domains = await reapEverywhere(cacheDir);
  removed.push(...domains.removed);
  const kept = (await listShelves(cacheDir, shelves)).map(({ shelf, name }) =>
    join(cacheDir, shelf, name),
  );
  const slots = await cleanSlots(cacheDir, options.images === true ? 0 : Infinity);
  const images = options.images === true ? await cleanImages(cacheDir) : nothing;
  removed.push(...slots.removed, ...images.removed);
  kept.push(...(options.images === true ? slots.kept : []), ...images.kept);
  for (const path of removed) process.stdout.write(`removed ${path}\n`);
  for (const path of kept) process.stdout.write(`kept ${path}, which a running bootgate uses\n`);
  for (const why of domains.unseen) process.stdout.write(`${why}\n`);
  if (removed.length + kept.length + domains.unseen.length === 0)
    process.stdout.write("Nothing was left behind.\n");
}

async function cleanShelves(
  cacheDir: string,
  shelves: readonly (typeof shelfNames)[number][],
): Promise<string[]> {
  const gone = await evictShelves(
    cacheDir,
    { maxBytes: 0, unusedSince: Infinity, shelves },
    signal,
  );
  return gone.map(({ shelf, name }) => join(cacheDir, shelf, name));
}

interface Cleaned {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
}
const nothing: Cleaned = { removed: [], kept: [] };

/** What the reference OS is made of, but for the newest `keep` of each kind, and what killed builds left of it. */
async function cleanSlots(cacheDir: string, keep: number): Promise<Cleaned> {
  const removed: string[] = [];
  const kept: string[] = [];
  for (const kind of [...slotKinds, ...liveSlotKinds]) {
    const folder = join(cacheDir, kind);
    if (!(await exists(folder))) continue;
    removed.push(...(await removeSlots(folder, keep, signal)));
    const left = (await readdir(folder)).filter((name) => !/^\.|\.lock$/.test(name));
    kept.push(...left.map((name) => join(folder, name)));
  }
  return { removed, kept };
}

/** The store of images, and digests that are remembered. */
async function cleanImages(cacheDir: string): Promise<Cleaned> {
  const removed: string[] = [];
  const kept: string[] = [];
  if (await exists(join(cacheDir, "oci"))) {
    const store = await ImageStore.open({ cacheDir, signal, onProgress: () => undefined });
    const gone = await store.evict({ maxBytes: 0, unusedSince: Infinity, sweep: true });
    removed.push(...gone.images.map((digest) => store.layoutOf(digest)));
    kept.push(...(await store.images()).map(({ layout }) => layout));
  }
  const digests = join(cacheDir, "digests.json");
  if (await exists(digests)) removed.push(digests);
  await rm(digests, { force: true });
  return { removed, kept };
}
