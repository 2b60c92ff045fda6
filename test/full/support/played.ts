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
  /** How each attempt at a job ended, as they came. */
  readonly ended: readonly string[];
  /** How each job's last attempt ended, by the job's id. */
  readonly outcomes: Readonly<Record<string, string>>;
  readonly directory: string;
}

export interface Place {
  /** Runs `bootgate WORDS` to its end, with its run below `folder`. */
  play(words: readonly string[]): Promise<Played>;
  /** Plays the self-test's cases whose name has the word; fails unless each was judged as it must be, and there were so many. */
  catches(only: string, cases?: number): Promise<void>;
}

/** A folder for the runs of one file's tests. */
export function placeFor(title: string): Place {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), `bootgate-${title}-`));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    async play(words) {
      const { code, output } = await bootgate([...words, "--out", folder]);
      const directory = join(folder, "latest");
      expect(existsSync(directory), `there is no run:\n${output.slice(-3000)}`).toBe(true);
      const events = eventsOf(directory);
      const ends = events.filter((event) => event.type === "job-ended");
      return {
        ...{ code, output, events, directory: realpathSync(directory) },
        ended: ends.map(({ outcome }) => outcome.kind),
        outcomes: Object.fromEntries(ends.map(({ job, outcome }) => [job, outcome.kind])),
      };
    },
    async catches(only, cases) {
      const { code, output } = await bootgate(["selftest", "--only", only, "--out", folder]);
      expect(code, output.slice(-3000)).toBe(0);
      const [some, same] = cases === undefined ? ["(\\d+)", "\\1"] : [cases, cases];
      const judged = `${some} of ${same} cases were judged as they must be`;
      expect(output).toMatch(new RegExp(judged));
    },
  };
}

/** So many jobs ended, each once and passed: one that failed on a fork and passed when it was booted cold did not. */
export function expectPassed({ code, output, ended }: Played, jobs: number): void {
  expect(code, output.slice(-3000)).toBe(0);
  expect(ended).toEqual(Array(jobs).fill("passed"));
}

/** The notes of a run, one a line. */
export const notesOf = (events: readonly RunEvent[]): string =>
  events.flatMap((event) => (event.type === "note" ? [event.text] : [])).join("\n");
