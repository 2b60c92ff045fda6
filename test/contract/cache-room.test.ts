/** One limit for the shelves and the store of images, in one order: what was used longest ago goes first. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ownerLabel } from "../../harness/base/owner.ts";
import { addNeighbour, evictShelves, roomOnDisk } from "../../harness/base/shelf-room.ts";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import { ImageStore } from "../../images/origins/store.ts";
import { storeNeighbour } from "../../images/origins/store-neighbour.ts";
import { key, type ShelfScene, shelfScene } from "./support/shelf-scene.ts";

const { signal } = new AbortController();
let folder = "";
let scene: ShelfScene;
let store: ImageStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-room-"));
  scene = shelfScene(folder);
  store = await ImageStore.open({ cacheDir: folder, signal, onProgress: () => undefined });
  addNeighbour(storeNeighbour);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Puts an image of 50 kB into the store, which nobody holds. */
async function putImage(letter: string, usedAt: number): Promise<Digest> {
  const layer = Buffer.alloc(50_000, letter);
  const digest = asDigest(`sha256:${createHash("sha256").update(layer).digest("hex")}`);
  await store.putDocument(layer);
  const folderOf = store.layoutOf(digest);
  await mkdir(folderOf);
  const about = { names: [letter], blobs: [{ digest, size: 50_000 }], addedAt: usedAt, usedAt };
  await writeFile(join(folderOf, "about.json"), JSON.stringify(about));
  return digest;
}
const images = async (): Promise<string[]> =>
  (await store.images()).map(({ names }) => names[0] ?? "").sort();

const now = Date.now();

test("a disk that is short takes of both, the oldest first", async () => {
  await putImage("a", now - 5000);
  await scene.put(scene.open(), key("b"), now - 4000);
  await putImage("c", now - 3000);
  await scene.put(scene.open(), key("d"), now - 2000);
  await evictShelves(folder, { maxBytes: Infinity, leastFreed: 40_000 }, signal);
  expect([await images(), await scene.names()]).toEqual([["c"], ["disks/b", "disks/d"]]);
  await evictShelves(folder, { maxBytes: Infinity, leastFreed: 100_000 }, signal);
  expect([await images(), await scene.names()]).toEqual([[], ["disks/d"]]);
});

test("what needs more room than there is gets what nobody uses of images too", async () => {
  await putImage("a", now - 5000);
  await roomOnDisk(folder, Number.MAX_SAFE_INTEGER, signal);
  expect(await images()).toEqual([]);
});

test("an image that somebody holds stays", async () => {
  const digest = await putImage("a", now - 5000);
  await scene.put(scene.open(), key("b"), now - 4000);
  await writeFile(join(store.root, "held", `${ownerLabel(folder)}-${digest.slice(7)}`), "");
  await evictShelves(folder, { maxBytes: 0 }, signal);
  expect([await images(), await scene.names()]).toEqual([["a"], []]);
});

test("a thing that is put on a shelf counts with the images, and so does an image that is fetched", async () => {
  await putImage("a", now - 5000);
  await scene.put(scene.open(), key("b"), now - 4000);
  await scene.put(scene.open(150_000), key("c"), now - 3000);
  expect([await images(), await scene.names()]).toEqual([[], ["disks/b", "disks/c"]]);
  vi.stubEnv("BOOTGATE_STATES_LIMIT", "130K");
  await store.makeRoom(50_000, "it");
  expect(await scene.names()).toEqual(["disks/c"]);
});

test("shelves that are emptied by name leave the store alone", async () => {
  await putImage("a", now - 5000);
  await evictShelves(folder, { maxBytes: 0, shelves: ["disks"] }, signal);
  expect(await images()).toEqual(["a"]);
});
