/** The shelf of templates on a real file system: whole or absent, bounded, never taken from under a user. */
import { mkdir, readdir, rename, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import { createWorkspace, ownerLabel } from "../../harness/base/workspace.ts";
import { type TemplateRecord, TemplateStore } from "../../harness/machine/qemu/template-store.ts";

const key = (digit: string): string => digit.repeat(64);
const roomy = { count: 6, bytes: 1e9 };

async function put(
  store: TemplateStore,
  name: string,
  change: Partial<TemplateRecord> = {},
): Promise<void> {
  const staged = await store.stage(name);
  await writeFile(join(staged, "ram.img"), Buffer.alloc(100_000, "m"));
  await store.publish(staged, {
    version: 2,
    key: name,
    files: { "ram.img": 100_000 },
    backing: [],
    code: null,
    varsFormat: "raw",
    needsSmm: false,
    disks: [],
    ...change,
  });
}
const names = async (store: TemplateStore): Promise<string[]> =>
  (await readdir(store.folder)).filter((name) => !name.startsWith("."));

test("a template is found as it was put", async () => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, roomy);
  expect(await store.read(key("a"))).toBeNull();
  await put(store, key("a"));
  expect(await store.read(key("a"))).toMatchObject({ key: key("a") });
  expect(await readdir(join(store.folder, ".staging"))).toEqual([]);
});

test("the second of two makers leaves the first one's", async () => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, roomy);
  await put(store, key("a"));
  await put(store, key("a"), { needsSmm: true });
  expect(await store.read(key("a"))).toMatchObject({ needsSmm: false });
  expect(await readdir(join(store.folder, ".staging"))).toEqual([]);
});

test.each<[string, (folder: string) => Promise<unknown>]>([
  ["a file cut short", (folder) => truncate(join(folder, "ram.img"), 5)],
  ["no record", (folder) => writeFile(join(folder, "template.json"), "")],
  [
    "a record of another version",
    (folder) => writeFile(join(folder, "template.json"), '{"version":1}'),
  ],
])("%s: the template counts as absent and is removed", async (_, damage) => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, roomy);
  await put(store, key("a"));
  await damage(store.path(key("a")));
  expect(await store.read(key("a"))).toBeNull();
  expect(await names(store)).toEqual([]);
});

test("a template whose disk image has changed is worthless", async () => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, roomy);
  const disk = join(workspace.path, "base.qcow2");
  await writeFile(disk, "one");
  const { mtime } = await stat(disk);
  const stamp = await fileStamp(disk);
  await put(store, key("a"), { backing: [{ path: disk, stamp }] });
  expect(await store.read(key("a"))).not.toBeNull();
  // Another file of the same size, put in its place with the same time.
  await writeFile(`${disk}.new`, "two");
  await rename(`${disk}.new`, disk);
  await utimes(disk, mtime, mtime);
  expect(await store.read(key("a"))).toBeNull();
});

test("the least recently used goes, and never one in use", async () => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, { count: 2, bytes: 1e9 });
  await put(store, key("a"));
  await put(store, key("b"));
  await utimes(store.path(key("a")), 1, 1);
  await utimes(store.path(key("b")), 2, 2);
  const use = await store.use(key("a"));
  await utimes(store.path(key("a")), 1, 1);
  await put(store, key("c"));
  expect((await names(store)).sort()).toEqual([key("a"), key("c")]);
  await use[Symbol.asyncDispose]();
  await utimes(store.path(key("a")), 1, 1);
  await put(store, key("d"));
  expect((await names(store)).sort()).toEqual([key("c"), key("d")]);
});

test("bytes are bounded too", async () => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, { count: 9, bytes: 150_000 });
  for (const name of ["a", "b", "c"]) await put(store, key(name));
  // Room is made before a template is put, so that one more than fits may stand.
  expect((await names(store)).length).toBeLessThanOrEqual(2);
});

test("what a killed maker left is removed by the next", async () => {
  await using workspace = await createWorkspace("test");
  const store = new TemplateStore(workspace.path, roomy);
  const dead = join(store.folder, ".staging", "999999999-1-dead");
  await mkdir(dead, { recursive: true });
  const mine = join(store.folder, ".staging", `${ownerLabel()}-mine`);
  await mkdir(mine, { recursive: true });
  await put(store, key("a"));
  expect(await readdir(join(store.folder, ".staging"))).toEqual([`${ownerLabel()}-mine`]);
});
