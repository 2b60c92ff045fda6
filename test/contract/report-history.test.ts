/** Reports with a history on a real file system: `report --history`, and the writer that a run uses. */
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { list } from "../../harness/cli/commands/list.ts";
import { report } from "../../harness/cli/commands/report-command.ts";
import { createReportWriter } from "../../harness/cli/wiring/report-files.ts";
import type { HistoryLine } from "../../harness/gate/history/history.ts";
import { appendHistory, readHistory } from "../../harness/gate/history/history-file.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { reportFiles } from "../../reports/render-all.ts";
import { at, fullRun } from "../golden/report-events.ts";

let folder = "";
let printed = "";
let told = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-report-"));
  printed = "";
  told = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    told += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const job = "boot/health@qemu-x86_64-uefi";
const words = "failed in 1 of the last 2 runs on tcg";

const line = (day: number, more: Partial<HistoryLine> = {}): HistoryLine => ({
  version: 1,
  at: at(-86_400 * day),
  run: `run-${day}`,
  job,
  scenario: "boot/health",
  image: "reference:v2",
  digest: "sha256:2",
  accelerator: "tcg",
  standing: "passed",
  durationMs: 33_000,
  attempts: 1,
  ...more,
});
const lines = [
  line(3, { standing: "failed" }),
  line(2),
  line(1, { accelerator: "kvm", durationMs: 3000 }),
];

async function runDirectory(): Promise<string> {
  const directory = join(folder, "run");
  await mkdir(directory);
  const events = fullRun.map((event) => `${JSON.stringify(event)}\n`);
  await writeFile(join(directory, "events.jsonl"), events.join(""));
  return directory;
}

const textOf = (directory: string, name: string): Promise<string> =>
  readFile(join(directory, name), "utf8");

test.each(["history.jsonl", "history"])("report --history %s tells earlier runs", async (name) => {
  const directory = await runDirectory();
  const history = join(folder, name);
  for (const one of lines) await appendHistory(history, [one]);
  expect(await report(directory, { history })).toBe(3);
  expect(printed).toContain(`history    ${words}\n`);
  expect(await textOf(directory, "summary.txt")).toContain(`history    ${words}\n`);
  expect(await textOf(directory, "summary.md")).toContain(`History: ${words}\n`);
  const page = await textOf(directory, "report.html");
  expect(page).toContain(`<p class="soft">History: ${words}</p>`);
  // The expectation is that of emulation, on which the run was.
  expect(page).toContain('<td class="number">33.0 s</td><td class="number">12.0 s</td>');
});

test("report without a history tells none", async () => {
  const directory = await runDirectory();
  await report(directory);
  expect(printed).not.toContain("history  ");
  for (const name of reportFiles)
    expect(await textOf(directory, name)).not.toContain("last 2 runs");
});

test("the writer of a run tells the runs before it, and reports made again say the same", async () => {
  const directory = await runDirectory();
  const path = join(folder, "history.jsonl");
  await appendHistory(path, lines);
  const model = foldRun(fullRun);
  const writer = createReportWriter(directory, () => model, lines);
  writer.renew();
  await writer.finish();
  const first = await textOf(directory, "report.html");
  expect(first).toContain(words);
  // What the run itself and later ones added is not of its past.
  await appendHistory(path, [line(0, { run: model.run }), line(-1, { standing: "failed" })]);
  await report(directory, { history: path });
  expect(await textOf(directory, "report.html")).toBe(first);
});

test("a history that is not there yet tells nothing; one that is not a file is refused", async () => {
  const directory = await runDirectory();
  await report(directory, { history: join(folder, "none.jsonl") });
  expect(told).toMatch(/^The history '.*none\.jsonl' does not exist yet\.\n$/);
  expect(printed).not.toContain("history  ");
  expect(await textOf(directory, "report.html")).not.toContain(">History");
  await expect(report(directory, { history: "/dev/null" })).rejects.toThrow(/not a regular file/);
});

test("list --history shows rates by accelerator, and says what could not be read", async () => {
  const path = join(folder, "history.jsonl");
  await appendHistory(path, lines);
  await writeFile(path, `${await readFile(path, "utf8")}{"version":9}\n`);
  await list({ history: path });
  expect(printed).toMatch(/^scenario +runs +failed or broken +flaky +expected +on +proves\n/);
  expect(printed).toMatch(/^boot\/health +1 +0 of 1 \(0 %\) +0 of 1 \(0 %\) +3\.0 s +kvm /m);
  expect(printed).toMatch(/^boot\/health +2 +1 of 2 \(50 %\) +0 of 2 \(0 %\) +33\.0 s +tcg /m);
  expect(told).toMatch(/^1 line of the history .* could not be read/);
});

test.each([
  ["hist.json", true],
  ["history.jsonl", true],
  ["history", false],
  ["history.d/", false],
  [".history", false],
])("a history called %s that is not there yet becomes a file: %s", async (name, isFile) => {
  const path = join(folder, name);
  await appendHistory(path, lines);
  expect((await stat(path)).isFile()).toBe(isFile);
  expect((await readHistory(path)).lines).toHaveLength(3);
});

test("what is there decides what a history is, not its name", async () => {
  await mkdir(join(folder, "runs.json"));
  await writeFile(join(folder, "plain"), "");
  for (const name of ["runs.json", "plain"]) await appendHistory(join(folder, name), lines);
  expect((await stat(join(folder, "runs.json", "run-3.jsonl"))).isFile()).toBe(true);
  expect((await readHistory(join(folder, "plain"))).lines).toHaveLength(3);
});

test("a folder's history is in its files alone", async () => {
  const path = join(folder, "history");
  await appendHistory(path, lines);
  await mkdir(join(path, "x.jsonl"));
  await symlink("/dev/zero", join(path, "zero.jsonl"));
  await symlink("nowhere", join(path, "broken.jsonl"));
  await execa("mkfifo", [join(path, "pipe.jsonl")]);
  // Files that a platform puts in place are links there.
  const elsewhere = join(folder, "elsewhere.jsonl");
  await appendHistory(
    elsewhere,
    lines.map((line) => ({ ...line, run: `other-${line.run}` })),
  );
  await symlink(elsewhere, join(path, "linked.jsonl"));
  expect((await readHistory(path)).lines).toHaveLength(6);
});

test("a history that cannot be made is refused in one sentence", async () => {
  await writeFile(join(folder, "plain"), "");
  const error: unknown = await appendHistory(join(folder, "plain", "x.jsonl"), lines).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
});
