/** The one limit of all shelves. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { takeLock } from "../../harness/base/lock.ts";
import { evictShelves, listShelves, shelvesLimit } from "../../harness/base/shelf-room.ts";
import { key, type ShelfScene, shelfScene } from "./support/shelf-scene.ts";

let folder = "";
let scene: ShelfScene;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-shelf-"));
  scene = shelfScene(folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();

test("one limit holds for all shelves: what was used longest ago goes first, and never what is in use", async () => {
  const now = Date.now();
  await scene.put(scene.open(), key("a"), now - 4000);
  await scene.put(scene.open(undefined, "derived"), key("b"), now - 3000);
  await scene.put(scene.open(), key("c"), now - 2000);
  await using _use = await scene.open().take(key("a"));
  await utimes(scene.open().path(key("a")), 1, 1);
  await scene.put(scene.open(180_000), key("d"));
  expect(await scene.names()).toEqual(["disks/a", "disks/c", "disks/d"]);
});

test("a thing larger than the limit stands alone, and goes for the next", async () => {
  await scene.put(scene.open(1), key("a"), Date.now() - 2000);
  expect(await scene.names()).toEqual(["disks/a"]);
  await scene.put(scene.open(1), key("b"));
  expect(await scene.names()).toEqual(["disks/b"]);
});

test("the limit is a part of the disk, or what the environment says", async () => {
  const GiB = 1024 ** 3;
  expect(await shelvesLimit(folder)).toBeGreaterThanOrEqual(20 * GiB);
  vi.stubEnv("BOOTGATE_STATES_LIMIT", "3GiB");
  expect(await shelvesLimit(folder)).toBe(3 * GiB);
  vi.stubEnv("BOOTGATE_STATES_LIMIT", "much");
  await expect(shelvesLimit(folder)).rejects.toBeInstanceOf(UsageError);
});

test("what older versions left under other names counts, and goes as the rest does", async () => {
  const shelf = scene.open();
  await scene.put(shelf, key("a"));
  for (const name of [`${key("b")}-qcow2`, "0123456789abcdef0123456789abcdef", "999999999-1-x"]) {
    await mkdir(join(shelf.folder, name));
    await utimes(join(shelf.folder, name), 1, 1);
  }
  await writeFile(join(shelf.folder, `${key("c")}.part`), "half");
  await using _busy = await takeLock(join(shelf.folder, `${key("c")}.lock`), { signal });
  await evictShelves(folder, { maxBytes: Infinity, unusedSince: Date.now() - 60_000 }, signal);
  expect((await listShelves(folder)).map(({ name }) => name).sort()).toEqual([
    key("a"),
    `${key("c")}.part`,
  ]);
  await evictShelves(folder, { maxBytes: 0 }, signal);
  expect((await listShelves(folder)).map(({ name }) => name)).toEqual([`${key("c")}.part`]);
});
