/** The shelf of templates: what a template rests on outside of its folder decides whether it is still one. */
import { readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exists } from "../../harness/base/exists.ts";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { type TemplateFacts, templateShelf } from "../../harness/machine/qemu/template-shelf.ts";

const key = (digit: string): string => digit.repeat(64);

async function put(
  shelf: ReturnType<typeof templateShelf>,
  name: string,
  change: Partial<TemplateFacts> = {},
): Promise<void> {
  await using draft = await shelf.stage(name);
  await writeFile(join(draft.path, "ram.img"), Buffer.alloc(100_000, "m"));
  await writeFile(join(draft.path, "disk0.qcow2"), "disk", { mode: 0o400 });
  const plain: TemplateFacts = {
    version: 4,
    backing: [],
    code: null,
    varsFormat: "raw",
    needsSmm: false,
    disks: [],
    typed: [],
  };
  await using _made = await shelf.publish(draft, name, { ...plain, ...change });
}

test("a template is found as it was put, and a read-only file of it can be removed", async () => {
  await using workspace = await createWorkspace("test");
  const shelf = templateShelf(workspace.path, 150_000);
  await put(shelf, key("a"), { needsSmm: true, typed: ["menu-enter"] });
  await using held = await shelf.take(key("a"));
  expect(held?.facts).toMatchObject({ needsSmm: true, typed: ["menu-enter"] });
  await held?.[Symbol.asyncDispose]();
  await put(shelf, key("b"));
  expect((await readdir(shelf.folder)).filter((name) => !name.startsWith("."))).toEqual([key("b")]);
});

test("a template whose disk image has changed, or whose firmware is gone, is worthless", async () => {
  await using workspace = await createWorkspace("test");
  const shelf = templateShelf(workspace.path);
  const disk = join(workspace.path, "base.qcow2");
  await writeFile(disk, "one");
  const { mtime } = await stat(disk);
  await put(shelf, key("a"), { backing: [{ path: disk, stamp: await fileStamp(disk) }] });
  expect(await shelf.has(key("a"))).toBe(true);
  // Another file of the same size, put in its place with the same time.
  await writeFile(`${disk}.new`, "two");
  await rename(`${disk}.new`, disk);
  await utimes(disk, mtime, mtime);
  expect(await shelf.take(key("a"))).toBeNull();
  expect(await exists(shelf.path(key("a")))).toBe(false);
  await put(shelf, key("b"), { code: { path: disk, format: "raw" } });
  expect(await shelf.has(key("b"))).toBe(true);
  await rm(disk);
  expect(await shelf.has(key("b"))).toBe(false);
});

test("a template of an older version of bootgate counts as none", async () => {
  await using workspace = await createWorkspace("test");
  const shelf = templateShelf(workspace.path);
  await put(shelf, key("a"));
  await rename(
    join(shelf.path(key("a")), "record.json"),
    join(shelf.path(key("a")), "template.json"),
  );
  expect(await shelf.take(key("a"))).toBeNull();
  expect(await exists(shelf.path(key("a")))).toBe(false);
});
