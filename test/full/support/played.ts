/** What a long test plays: `bootgate` with its runs in a folder that goes away again, and what the newest run says of itself. */
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { RunEvent } from "../../../harness/log/events.ts";
import { bootgate, eventsOf } from "../../vm/command-line.ts";

export interface Played {
  readonly code: number | null;
  readonly output: string;
  readonly events: readonly RunEvent[];
  /** How each job's last attempt ended, by the job's id. */
  readonly outcomes: Readonly<Record<string, string>>;
  readonly directory: string;
}

export interface Place {
  /** Only within tests and hooks. */
  readonly folder: string;
  /** Runs `bootgate WORDS` to its end, with its run below `folder`. */
  play(words: readonly string[]): Promise<Played>;
  /** Plays the self-test's cases whose name has the word; fails unless each was judged as it must be. */
  catches(only: string): Promise<void>;
}

/** A folder for the runs of one file's tests. */
export function placeFor(title: string): Place {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), `bootgate-${title}-`));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    get folder() {
      return folder;
    },
    async play(words) {
      const { code, output } = await bootgate([...words, "--out", folder]);
      const directory = join(folder, "latest");
      expect(existsSync(directory), `there is no run:\n${output.slice(-3000)}`).toBe(true);
      const events = eventsOf(directory);
      const ended = events.flatMap((event) =>
        event.type === "job-ended" ? [[event.job, event.outcome.kind]] : [],
      );
      const outcomes = Object.fromEntries(ended) as Played["outcomes"];
      return { code, output, events, outcomes, directory: realpathSync(directory) };
    },
    async catches(only) {
      const { code, output } = await bootgate(["selftest", "--only", only, "--out", folder]);
      expect(code, output.slice(-3000)).toBe(0);
      expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
    },
  };
}

/** So many jobs ended, each once and passed: one that failed on a fork and passed when it was booted cold did not. */
export function expectPassed({ code, output, events }: Played, jobs: number): void {
  expect(code, output.slice(-3000)).toBe(0);
  const ended = events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : []));
  expect(ended).toEqual(Array(jobs).fill("passed"));
}
