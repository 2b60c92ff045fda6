import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeDeadDrafts, whereWeAre, writeWhole } from "../../harness/base/write-whole.ts";

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
  // Above the largest number that a process can have (proc_sys_kernel(5), pid_max).
  const noOne = 4_194_999;
  const draft = (where: string, pid: number): string => `a.${where}.${pid}-0123456789ab.part`;
  const here = whereWeAre();
  const kept = [
    draft(here, process.pid),
    // Of another container or host: whether its writer lives cannot be seen.
    draft("00000000-4026531836", noOne),
    "a.part",
    "a.4194999.part",
  ];
  const old = draft("00000000-4026531836", process.pid);
  for (const name of [...kept, draft(here, noOne), old]) await writeFile(join(folder, name), "");
  const before = new Date(Date.now() - 2 * 3_600_000);
  await utimes(join(folder, old), before, before);
  await removeDeadDrafts(folder);
  expect((await readdir(folder)).sort()).toEqual(kept.sort());
  await removeDeadDrafts(join(folder, "nowhere"));
});
