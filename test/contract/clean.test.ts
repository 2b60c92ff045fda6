/** `clean` and `images prune` know every cache, and leave alone what a run uses. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { exists } from "../../harness/base/exists.ts";
import { putMark } from "../../harness/base/marks.ts";
import { Shelf } from "../../harness/base/shelf.ts";
import { type ShelfName, shelfNames } from "../../harness/base/shelf-room.ts";
import { clean } from "../../harness/cli/commands/clean-command.ts";
import { pruneImages } from "../../harness/cli/commands/prune-command.ts";

let folder = "";
let cacheDir = "";
let said: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-clean-"));
  cacheDir = join(folder, "bootgate");
  vi.stubEnv("XDG_CACHE_HOME", folder);
  vi.stubEnv("XDG_RUNTIME_DIR", "");
  vi.stubEnv("TMPDIR", folder);
  said = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said.push(...String(text).trimEnd().split("\n"));
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const key = (digit: string): string => digit.repeat(64);
const shelfOf = (name: ShelfName) =>
  new Shelf({ cacheDir, name, schema: z.object({}), limitBytes: 1e9 });

/** A thing on each shelf, and a half-made one that a killed maker left. */
async function fillShelves(): Promise<void> {
  for (const name of shelfNames) {
    const shelf = shelfOf(name);
    await using draft = await shelf.stage(key("a"));
    await writeFile(join(draft.path, "file"), "content");
    await using _held = await shelf.publish(draft, key("a"), {});
    await mkdir(join(shelf.folder, ".staging", "999999999-1-0.dead"));
  }
}

test("`clean` alone removes what killed makers left, and nothing that is whole", async () => {
  await fillShelves();
  const slot = join(cacheDir, "reference", "0123456789ab");
  await mkdir(slot, { recursive: true });
  await mkdir(`${slot}.partial-999999999-1`);
  await clean({});
  for (const name of shelfNames) {
    expect(await exists(shelfOf(name).path(key("a")))).toBe(true);
    expect(await exists(join(cacheDir, name, ".staging", "999999999-1-0.dead"))).toBe(false);
  }
  expect([await exists(slot), await exists(`${slot}.partial-999999999-1`)]).toEqual([true, false]);
  expect(said).toEqual(["Nothing was left behind."]);
});

test("`clean` with its options removes every cache but what a run uses, and says both", async () => {
  await fillShelves();
  const used = await shelfOf("disks").take(key("a"));
  const slots = ["0123456789ab", "ba9876543210"].map((name) => join(cacheDir, "reference", name));
  for (const slot of slots) await mkdir(slot, { recursive: true });
  await putMark(join(cacheDir, "reference", ".in-use"), "0123456789ab", cacheDir);
  await clean({ templates: true, images: true });
  const kept = [used?.path, slots[0]].map((path) => `kept ${path}, which a running bootgate uses`);
  const removed = shelfNames
    .filter((name) => name !== "disks")
    .map((name) => `removed ${shelfOf(name).path(key("a"))}`);
  expect(said.sort()).toEqual([...kept, ...removed, `removed ${slots[1]}`].sort());
  expect(await Promise.all(slots.map(exists))).toEqual([true, false]);
});

test("`images prune` makes all shelves smaller by age and by size", async () => {
  await fillShelves();
  await utimes(shelfOf("derived").path(key("a")), 1, 1);
  await pruneImages({ olderThan: 3_600_000 });
  expect(said.filter((line) => line.startsWith("removed"))).toEqual([
    "removed derived/aaaaaaaaaaaa",
  ]);
  await pruneImages({ limit: 0 });
  expect(said.join("\n")).toMatch(
    /^states: .* freed, 0 B in use\.\nTogether they may have 0 B\.$/m,
  );
  for (const name of shelfNames) expect(await exists(shelfOf(name).path(key("a")))).toBe(false);
});
