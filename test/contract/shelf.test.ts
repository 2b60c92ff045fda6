/** The shelves of the cache: whole or absent, bounded together, and never taken from under a living user. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { evictShelves, listShelves } from "../../harness/base/shelf-room.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { key, type ShelfScene, shelfScene, staging } from "./support/shelf-scene.ts";

let folder = "";
let scene: ShelfScene;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-shelf-"));
  scene = shelfScene(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const { signal } = new AbortController();

/** A process that does this with a shelf of the same folder; `shelf` and `key` are in scope. */
function script(body: string): string[] {
  const at = (path: string): string => JSON.stringify(join(process.cwd(), path));
  const text = `
    import { Shelf } from ${at("harness/base/shelf.ts")};
    import { evictShelves } from ${at("harness/base/shelf-room.ts")};
    import { z } from "zod";
    import { writeFileSync } from "node:fs";
    const cacheDir = ${JSON.stringify(folder)};
    const shelf = new Shelf({ cacheDir, name: "disks", schema: z.any(), limitBytes: 2 ** 30 });
    const key = (digit) => digit.repeat(64);
    ${body}`;
  return ["--import", "tsx", "--input-type=module", "-e", text];
}

test("what is published is found whole, and nothing is left in the staging folder", async () => {
  const shelf = scene.open();
  await scene.put(shelf, key("a"));
  await using held = await shelf.take(key("a"));
  expect(held?.facts).toEqual({ version: 1, what: "a disk" });
  expect(await staging(shelf)).toEqual([]);
});

test.each<[string, (path: string) => Promise<unknown>]>([
  ["a file cut short", (path) => truncate(join(path, "deep", "disk"), 3)],
  ["a file missing", (path) => rm(join(path, "deep", "disk"))],
  ["a record of another version", (path) => writeFile(join(path, "record.json"), '{"key":"x"}')],
  ["no record, as older versions left it", (path) => rm(join(path, "record.json"))],
  [
    "a file in its place, as older versions left it",
    async (path) => {
      await rm(path, { recursive: true });
      await writeFile(path, "a disk");
    },
  ],
])("%s: the thing is not there, is removed, and can be made again", async (_, damage) => {
  const shelf = scene.open();
  await scene.put(shelf, key("a"));
  await damage(shelf.path(key("a")));
  expect(await shelf.has(key("a"))).toBe(false);
  expect(await shelf.take(key("a"))).toBeNull();
  expect(await exists(shelf.path(key("a")))).toBe(false);
  await scene.put(shelf, key("a"));
  expect(await shelf.has(key("a"))).toBe(true);
});

test("the second of two makers leaves the first one's", async () => {
  const shelf = scene.open();
  await scene.put(shelf, key("a"));
  await using draft = await shelf.stage(key("a"));
  await using held = await shelf.publish(draft, key("a"), { version: 1, what: "another" });
  expect(held.facts.what).toBe("a disk");
});

test("what another process uses or makes is left alone, and all of it is free once that one is killed", async () => {
  const shelf = scene.open();
  await scene.put(shelf, key("a"));
  const child = spawn(
    process.execPath,
    script(`
      await shelf.take(key("a"));
      await shelf.lock(key("d"), { signal: new AbortController().signal });
      const draft = await shelf.stage(key("d"));
      writeFileSync(draft.path + "/half", "x");
      console.log("ready");
      setInterval(() => undefined, 1000);`),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    await once(child.stdout, "data");
    // Also where it cannot be read here: another version of bootgate may be using it.
    await truncate(join(shelf.path(key("a")), "deep", "disk"), 3);
    expect(await shelf.take(key("a"))).toBeNull();
    expect(await exists(shelf.path(key("a")))).toBe(true);
    expect(await evictShelves(folder, { maxBytes: 0, unusedSince: Infinity }, signal)).toEqual([]);
    expect(await staging(shelf)).toHaveLength(1);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  expect(await shelf.take(key("a"))).toBeNull();
  expect(await exists(shelf.path(key("a")))).toBe(false);
  const fill = async () => ({ version: 1 as const, what: "again" });
  await using held = await shelf.provide(key("d"), { what: "it", signal, fill });
  expect(held.facts.what).toBe("again");
  expect(await staging(shelf)).toEqual([]);
});

test("a disk that is full is the host's fault, says what to do, and leaves nothing half-made", async () => {
  const shelf = scene.open();
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
  });
  const fill = async (draft: string): Promise<never> => {
    await writeFile(join(draft, "half"), "x");
    throw full;
  };
  const error: unknown = await shelf
    .provide(key("a"), { what: "the disk of 'x'", signal, fill })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(String(error)).toMatch(
    /not enough space in the cache for the disk of 'x'[\s\S]*images prune/,
  );
  expect(await staging(shelf)).toEqual([]);
  expect(await scene.names()).toEqual([]);
});

test("what is taken while another process is about to evict it is gone, and not torn away afterwards", async () => {
  const shelf = scene.open();
  await scene.put(shelf, key("a"));
  // The evictor has looked at the marks, seen none, and stops in the moment before it takes the thing away.
  const evictor = spawn(
    process.execPath,
    script(`
      const fs = (await import("node:fs/promises")).default;
      const { rename } = fs;
      fs.rename = async (from, to) => {
        console.log("about to");
        await new Promise((resolve) => process.stdin.once("data", resolve));
        return rename(from, to);
      };
      (await import("node:module")).syncBuiltinESMExports();
      await evictShelves(cacheDir, { maxBytes: 0 }, new AbortController().signal);
      process.exit();`),
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  await once(evictor.stdout, "data");
  let hasEnded = false;
  const taking = shelf.take(key("a")).finally(() => {
    hasEnded = true;
  });
  const ino = (await stat(join(folder, "shelves.lock")).catch(() => null))?.ino;
  await waitFor({
    what: "the taker to have the thing, or to wait for the evictor",
    probe: async () => {
      const locks = await readFile("/proc/locks", "utf8");
      const waits = locks
        .split("\n")
        .some((line) => / -> .*FLOCK.*:/.test(line) && line.includes(`:${ino} `));
      return hasEnded || waits || undefined;
    },
    timeoutMs: 10_000,
    intervalMs: 10,
    signal,
  });
  const ended = once(evictor, "exit");
  evictor.stdin.write("go");
  await ended;
  const held = await taking;
  expect(held === null || (await exists(held.path))).toBe(true);
  expect(await scene.names()).toEqual([]);
});

test("of two processes that want one thing the second waits, is told for whom, and gets the first one's", async () => {
  const shelf = scene.open();
  const child = spawn(
    process.execPath,
    script(`
      const signal = new AbortController().signal;
      const fill = async (draft) => {
        console.log("fills");
        await new Promise((resolve) => process.stdin.once("data", resolve));
        return { version: 1, what: "the first" };
      };
      await shelf.provide(key("a"), { what: "it", signal, fill });
      process.exit();`),
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  const waited = vi.fn<(holder: string) => void>(() => void child.stdin.write("go"));
  const fill = () => Promise.reject(new Error("made twice"));
  const held = await shelf.provide(key("a"), { what: "it", signal, fill, onWait: waited });
  expect(held.facts.what).toBe("the first");
  expect(waited.mock.calls).toEqual([
    [expect.stringMatching(`^process ${child.pid}, since \\d{4}-\\d\\d-\\d\\d [\\d:]{8} UTC$`)],
  ]);
});

test("a process that is killed at any moment of its work leaves whole things only", async () => {
  const shelf = scene.open();
  const child = spawn(
    process.execPath,
    script(`
      const small = new Shelf({ cacheDir, name: "disks", schema: z.any(), limitBytes: 200_000 });
      const { signal } = new AbortController();
      for (let n = 0; ; n++) {
        const fill = async (draft) => {
          writeFileSync(draft + "/disk", Buffer.alloc(70_000, "x"));
          return { version: 1, what: "a disk" };
        };
        const name = String(n % 10).repeat(64);
        const held = await small.provide(name, { what: "it", signal, fill });
        await held[Symbol.asyncDispose]();
        console.log(n);
      }`),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  for await (const data of child.stdout)
    if (Number(String(data).trim().split("\n").at(-1)) > 5) break;
  child.kill("SIGKILL");
  await once(child, "exit");
  for (const { name } of await listShelves(folder)) expect(await shelf.has(name)).toBe(true);
  await scene.put(shelf, key("a"));
  expect(await staging(shelf)).toEqual([]);
});
