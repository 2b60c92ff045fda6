/** A log on a disk that is full: it stays a log, and it is whole again when there is room. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { readEvents } from "../../harness/log/read-events.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-full-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function notesOf(name: string): Promise<string[]> {
  const notes: string[] = [];
  const { signal } = new AbortController();
  for await (const event of readEvents(join(folder, name), { signal }))
    if (event.type === "note") notes.push(event.text);
  return notes;
}

test("the kernel takes half a line: the log ends with its last whole one, and goes on when there is room", async () => {
  const script = join(import.meta.dirname, "support", "fills-a-log.ts");
  const { stdout } = await runCommand(process.execPath, ["--import", "tsx", script, folder]);
  const { told, heard, whileFull, atEnd } = JSON.parse(stdout) as Record<string, unknown>;
  expect(await notesOf("full.jsonl")).toEqual(["before"]);
  const all = ["before", "full 0", "full 1", "full 2", "full 3", "full 4", "after"];
  expect(await notesOf("events.jsonl")).toEqual(all);
  expect(heard).toHaveLength(all.length + 1);
  expect(told).toEqual([expect.stringMatching(/EFBIG/)]);
  expect([whileFull, atEnd]).toEqual([false, true]);
});
