// The folder of a matrix's decisions, as an earlier verdict may have left it.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { writeParts } from "../../harness/cli/wiring/write-parts.ts";

const write = (): Promise<void> => Promise.reject(new Error("nothing is to be written"));

test("what an earlier verdict wrote is gone, and what is somebody else's stays", async () => {
  await using workspace = await createWorkspace("parts");
  const own = join(workspace.path, "decisions/variants/gone");
  const others = join(workspace.path, "decisions/bases/1");
  for (const folder of [own, others]) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "decision.json"), "{}");
  }
  await writeFile(join(others, "note.txt"), "mine");
  await writeParts([], workspace.path, write);
  expect(await readdir(join(workspace.path, "decisions"), { recursive: true })).toEqual([
    "bases",
    "bases/1",
    "bases/1/note.txt",
  ]);
});

test("earlier decisions that cannot be listed are not passed over", async () => {
  await using workspace = await createWorkspace("parts");
  await mkdir(join(workspace.path, "decisions"));
  await writeFile(join(workspace.path, "decisions/variants"), "a file");
  await expect(writeParts([], workspace.path, write)).rejects.toThrow(HostUnfit);
});
