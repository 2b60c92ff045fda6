import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeDeadDrafts, writeWhole } from "../../harness/base/write-whole.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-whole-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("many writers of one file leave one whole text and no draft", async () => {
  const path = join(folder, "decision.json");
  const texts = Array.from({ length: 40 }, (_, index) => `${index}`.repeat(100_000));
  await Promise.all(texts.map((text) => writeWhole(path, text)));
  expect(texts).toContain(await readFile(path, "utf8"));
  expect(await readdir(folder)).toEqual(["decision.json"]);
});

test("a file that cannot be replaced stays, and no draft is left", async () => {
  const path = join(folder, "taken");
  await mkdir(path);
  await expect(writeWhole(path, "x")).rejects.toThrow(/EISDIR/);
  expect(await readdir(folder)).toEqual(["taken"]);
});

test("drafts of the dead are removed, those of the living and other files are not", async () => {
  const living = `a.${process.pid}-0123456789ab.part`;
  // Above the largest number that a process can have (proc_sys_kernel(5), pid_max).
  const dead = "a.4194999-0123456789ab.part";
  for (const name of [living, dead, "a.part", "a.4194999.part"])
    await writeFile(join(folder, name), "");
  await removeDeadDrafts(folder);
  expect((await readdir(folder)).sort()).toEqual(["a.4194999.part", "a.part", living].sort());
  await removeDeadDrafts(join(folder, "nowhere"));
});
