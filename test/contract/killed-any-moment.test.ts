/** `kill -9` at any moment: what lies there then is valid, is not green, and gives every report again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { XMLValidator } from "fast-xml-parser";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { report } from "../../harness/cli/commands/report-command.ts";
import { readEvents } from "../../harness/log/read-events.ts";
import { foldRunFrom } from "../../harness/log/run-model.ts";
import { reportFiles } from "../../reports/render-all.ts";
import { greenRun } from "../golden/report-events.ts";

const { signal } = new AbortController();
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-killed-"));
  vi.spyOn(process.stdout, "write").mockImplementation(() => true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const modelOf = () => foldRunFrom(readEvents(join(folder, "events.jsonl"), { signal }));

async function expectWhole(name: string): Promise<void> {
  const text = await readFile(join(folder, name), "utf8");
  if (name.endsWith(".xml")) expect(XMLValidator.validate(text)).toBe(true);
  if (name.endsWith(".json")) JSON.parse(text);
}

test("a log that was cut at any byte is a run that was killed, never a green one", async () => {
  const whole = Buffer.from(greenRun.map((event) => `${JSON.stringify(event)}\n`).join(""));
  const lineEnds = [...whole.keys()].filter((place) => whole[place] === 10);
  const [first = 0, last = 0] = [lineEnds[0], lineEnds.at(-1)];
  const everySo = Array.from({ length: 120 }, (_, n) => Math.ceil((whole.length * (n + 1)) / 121));
  const cuts = [...lineEnds.flatMap((end) => [end, end + 1]), ...everySo].filter(
    (cut) => cut > first && cut <= last,
  );
  for (const cut of cuts) {
    await writeFile(join(folder, "events.jsonl"), whole.subarray(0, cut));
    const model = await modelOf();
    // Only its very last line end may be missing from a whole run.
    expect([cut, model.endedAt === null]).toEqual([cut, cut < last]);
    if (cut < last)
      expect([cut, model.stopped]).toEqual([cut, expect.stringMatching(/was killed/)]);
  }
});

test.each([0, 1, 2, 5, 10, 20, 50, 100])(
  "a run killed %i ms after it began",
  async (delay) => {
    const script = join(import.meta.dirname, "support", "writes-a-run.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script, folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await pause(delay);
    child.kill("SIGKILL");
    await once(child, "close");
    for (const name of await readdir(folder))
      if (reportFiles.includes(name)) await expectWhole(name);
    const model = await modelOf();
    expect([model.endedAt, model.stopped]).toEqual([null, expect.stringMatching(/was killed/)]);
    expect(await report(folder, {})).not.toBe(0);
    expect(await readdir(folder)).toEqual(expect.arrayContaining([...reportFiles]));
    for (const name of reportFiles) await expectWhole(name);
  },
  30_000,
);
