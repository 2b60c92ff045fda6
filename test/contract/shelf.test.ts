/** The shelf of finished things: whole or absent, bounded, and never taken from under a living user. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { Shelf } from "../../harness/base/shelf.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-shelf-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const schema = z.strictObject({ version: z.literal(1), what: z.string() });
const open = (limits = { count: 3, bytes: 1024 ** 3 }) =>
  new Shelf(join(folder, "things"), schema, limits);
const key = (digit: string): string => digit.repeat(64);

async function put(shelf: ReturnType<typeof open>, name: string, atMs = Date.now()) {
  await using staged = await shelf.stage(name);
  await writeFile(join(staged.path, "disk"), "content");
  await shelf.publish(staged.path, name, { version: 1, what: "a disk" });
  await utimes(shelf.path(name), new Date(atMs), new Date(atMs));
}

test("what is published is found whole, and nothing is left in the staging folder", async () => {
  const shelf = open();
  await put(shelf, key("a"));
  expect((await shelf.find(key("a")))?.facts).toEqual({ version: 1, what: "a disk" });
  expect(await readdir(join(shelf.folder, ".staging"))).toEqual([]);
});

test("a thing with a file cut short is not there, and is removed", async () => {
  const shelf = open();
  await put(shelf, key("a"));
  await truncate(join(shelf.path(key("a")), "disk"), 3);
  expect(await shelf.find(key("a"))).toBeNull();
  expect(await readdir(shelf.folder)).not.toContain(key("a"));
});

test("a record of another version counts as none", async () => {
  const shelf = open();
  await put(shelf, key("a"));
  const next = new Shelf(shelf.folder, schema.extend({ version: z.literal(2) }), {
    count: 3,
    bytes: 1024 ** 3,
  });
  expect(await next.find(key("a"))).toBeNull();
});

test("what another process uses is left alone, also where it cannot be read here", async () => {
  const shelf = open();
  await put(shelf, key("a"));
  await truncate(join(shelf.path(key("a")), "disk"), 3);
  const script = `
    import { Shelf } from "${join(process.cwd(), "harness/base/shelf.ts")}";
    import { z } from "zod";
    const shelf = new Shelf(${JSON.stringify(shelf.folder)}, z.any(), { count: 3, bytes: 1e9 });
    await shelf.use("${key("a")}");
    console.log("used");
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(child.stdout, "data");
    expect(await shelf.find(key("a"))).toBeNull();
    expect(await readdir(shelf.folder)).toContain(key("a"));
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  expect(await shelf.find(key("a"))).toBeNull();
  expect(await readdir(shelf.folder)).not.toContain(key("a"));
});

test("the least recently used goes first, and never one that is in use", async () => {
  const shelf = open({ count: 2, bytes: 1024 ** 3 });
  const now = Date.now();
  await put(shelf, key("a"), now - 3000);
  await put(shelf, key("b"), now - 2000);
  await using _use = await shelf.use(key("a"));
  await put(shelf, key("c"), now - 1000);
  expect((await shelf.list()).map((entry) => entry.key)).toEqual([key("a"), key("c")]);
});

test("a size limit makes room too", async () => {
  const shelf = open({ count: 10, bytes: 1 });
  await put(shelf, key("a"), Date.now() - 2000);
  await put(shelf, key("b"));
  expect((await shelf.list()).map((entry) => entry.key)).toEqual([key("b")]);
});

test("what a killed maker left is removed by the next", async () => {
  const shelf = open();
  const script = `
    import { Shelf } from "${join(process.cwd(), "harness/base/shelf.ts")}";
    import { z } from "zod";
    import { writeFileSync } from "node:fs";
    const shelf = new Shelf(${JSON.stringify(shelf.folder)}, z.any(), { count: 3, bytes: 1e9 });
    const staged = await shelf.stage("${key("d")}");
    writeFileSync(staged.path + "/half", "x");
    process.kill(process.pid, "SIGKILL");`;
  const child = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", script],
    { encoding: "utf8" },
  );
  expect(child.signal, child.stderr).toBe("SIGKILL");
  expect(await readdir(join(shelf.folder, ".staging"))).toHaveLength(1);
  await put(shelf, key("a"));
  expect(await readdir(join(shelf.folder, ".staging"))).toEqual([]);
});
