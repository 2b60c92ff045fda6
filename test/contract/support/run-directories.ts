/** Run directories of made-up events, for tests of what is written into them. */
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import type { RunEvent } from "../../../harness/log/events.ts";
import { at, ended, jobFacts, runStarted, started, step } from "../../golden/report-events.ts";

/** A folder of each test's own, and silence on standard output; call it once a file. */
export function useRunDirectories() {
  let folder = "";
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "bootgate-files-")));
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    folder: () => folder,
    async runDirectory(name: string, events: readonly RunEvent[]): Promise<string> {
      const directory = join(folder, name);
      await mkdir(directory, { recursive: true });
      const lines = events.map((event) => `${JSON.stringify(event)}\n`);
      await writeFile(join(directory, "events.jsonl"), lines.join(""));
      return directory;
    },
  };
}

export const textOf = (directory: string, name: string): Promise<string> =>
  readFile(join(directory, name), "utf8");

/** A run whose one job failed with the evidence that is named. */
export function runWith(evidence: readonly { kind: string; path: string }[]): RunEvent[] {
  const facts = jobFacts("boot/health");
  const job = facts.id;
  const error = { type: "BootFailed", headline: "It failed.", message: "It failed." };
  return [
    runStarted([facts]),
    started(job, 1),
    ...evidence.map((item): RunEvent => ({ type: "evidence", at: at(2), job, ...item })),
    ...step(job, 2, 3, "boots", { kind: "failed", error }),
    ended(job, 1, 4, { kind: "failed", error }),
    { type: "run-ended", at: at(5) },
  ];
}
