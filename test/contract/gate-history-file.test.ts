/** The history on a real file system: writers side by side, half lines, limits. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HistoryLine } from "../../harness/gate/history/history.ts";
import { appendHistory, readHistory } from "../../harness/gate/history/history-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-history-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (run: string, job = "a@qemu", hour = 1): HistoryLine => ({
  version: 1,
  at: new Date(Date.UTC(2026, 10, 1, hour)).toISOString(),
  run,
  job,
  scenario: "a",
  image: "i",
  digest: "sha256:1",
  accelerator: "kvm",
  standing: "passed",
  durationMs: 1000,
  attempts: 1,
});

test("a file is made, appended to and read back", async () => {
  const path = join(folder, "deep", "history.jsonl");
  expect(await readHistory(path)).toEqual({ lines: [], damaged: 0 });
  await appendHistory(path, [line("r1"), line("r1", "b@qemu")]);
  await appendHistory(path, [line("r2")]);
  await appendHistory(path, []);
  expect((await readHistory(path)).lines.map(({ run }) => run)).toEqual(["r1", "r1", "r2"]);
});

test("a half line spoils no line but itself", async () => {
  const path = join(folder, "history.jsonl");
  await appendHistory(path, [line("r1")]);
  await appendFile(path, '{"version":1,"at":"2026-');
  expect(await readHistory(path)).toMatchObject({ lines: [{ run: "r1" }], damaged: 1 });
  await appendHistory(path, [line("r2")]);
  const { lines, damaged } = await readHistory(path);
  expect([lines.map(({ run }) => run), damaged]).toEqual([["r1", "r2"], 1]);
});

test("a folder has a file a run, whatever the run is called", async () => {
  const path = join(folder, "history");
  await appendHistory(path, [line("2026-11-01")]);
  await appendHistory(path, [line("../../etc/x")]);
  expect((await readdir(path)).sort()).toEqual(["2026-11-01.jsonl", "__.._etc_x.jsonl"]);
  expect((await readHistory(path)).lines).toHaveLength(2);
});

test("only the newest part is read", async () => {
  const path = join(folder, "history.jsonl");
  const lines = Array.from({ length: 100 }, (_, n) => line(`run-${n}`, "a", n));
  await appendHistory(path, lines);
  const { lines: read, damaged } = await readHistory(path, { maxBytes: 2000 });
  expect(damaged).toBe(0);
  expect(read.length).toBeGreaterThan(3);
  expect(read.length).toBeLessThan(20);
  expect(read.at(-1)?.run).toBe("run-99");
  const files = join(folder, "files");
  for (const name of ["a", "b", "c"]) await appendHistory(files, [line(name)]);
  const one = await readHistory(files, { maxBytes: 150 });
  expect(one.lines.map(({ run }) => run)).not.toContain("a");
});

test("what is not a history is refused", async () => {
  const path = join(folder, "folder.jsonl");
  await mkdir(path);
  await writeFile(join(folder, "plain"), "");
  await expect(appendHistory(join(folder, "plain", "x.jsonl"), [line("r")])).rejects.toThrow();
  await expect(readHistory("/dev/null")).rejects.toThrow(/not a regular file/);
});

test("writers side by side do not tear each other's lines", async () => {
  const path = join(folder, "history.jsonl");
  const module = join(import.meta.dirname, "../../harness/gate/history/history-file.ts");
  const script = `
    import { appendHistory } from ${JSON.stringify(module)};
    const base = ${JSON.stringify(line("r"))};
    for (let n = 0; n < 50; n++)
      await appendHistory(${JSON.stringify(path)}, [{ ...base, run: process.pid + "-" + n, image: "x".repeat(300) }]);
  `;
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: "inherit",
    }),
  );
  const codes = await Promise.all(children.map((child) => once(child, "exit")));
  expect(codes.map(([code]) => code)).toEqual([0, 0, 0]);
  const { lines, damaged } = await readHistory(path);
  expect([lines.length, damaged]).toEqual([150, 0]);
  expect((await readFile(path, "utf8")).endsWith("\n")).toBe(true);
});
