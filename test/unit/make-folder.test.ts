import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeFolder } from "../../harness/base/make-folder.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-folder-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a folder is made with those above it, also by two at once", async () => {
  const path = join(folder, "a", "b", "c");
  await Promise.all([makeFolder(path), makeFolder(path)]);
  expect((await stat(path)).isDirectory()).toBe(true);
  await makeFolder(path);
});

test("where no folder can be, it fails at once", async () => {
  await expect(makeFolder("/proc/bootgate/runs")).rejects.toThrow(/ENOENT/);
  await writeFile(join(folder, "file"), "");
  await expect(makeFolder(join(folder, "file", "x"))).rejects.toThrow(/ENOTDIR/);
});
