/**
 * The history: one JSON line for each job of each run. It is a memory for expectations and rates and never evidence, so
 * a line that cannot be read is counted and passed over; nothing in it can turn a hold into a promotion.
 */
import { z } from "zod";
import { groupBy } from "../../base/group-by.ts";
import type { JobModel, RunModel } from "../../log/model-schema.ts";
import { acceleratorOf, standingOf } from "../../log/run-model.ts";
import { type KnownFailures, knownId, matchKnown } from "../known/known-failures.ts";
import { median } from "../policy/budgets.ts";
import { candidateOf } from "../verdict/gated-jobs.ts";

export const historyVersion = 1;

const dayMs = 86_400_000;
/** No job takes longer; a line that says so would keep its job from ever being started before a deadline. */
const maxDurationMs = dayMs;

const historyLine = z.object({
  version: z.literal(historyVersion),
  /** When the run began. */
  at: z.iso.datetime(),
  run: z.string().max(300),
  /** The job's id: scenario and machine. */
  job: z.string().max(500),
  scenario: z.string().max(300),
  image: z.string().max(300),
  digest: z.string().max(100),
  architecture: z.string().max(40).optional(),
  accelerator: z.string().max(40),
  standing: z.enum(["passed", "flaky", "failed", "broken", "skipped", "notRun"]),
  /** Duration of the first attempt. */
  durationMs: z.number().nonnegative().max(maxDurationMs),
  attempts: z.number().int().nonnegative(),
  /** Id of the known failure that it matched. */
  known: z.string().max(40).optional(),
});

export type HistoryLine = z.infer<typeof historyLine>;

/** The lines of a run. `now` decides nothing but which of two entries for one failure is named. */
export const historyOf = (model: RunModel, known: KnownFailures, now: Date): HistoryLine[] =>
  model.jobs.map((job) => lineOf(model, job, known, now));

function lineOf(model: RunModel, job: JobModel, known: KnownFailures, now: Date): HistoryLine {
  const hit = matchKnown(known, job, now);
  const image = candidateOf(job);
  return {
    version: historyVersion,
    at: model.startedAt,
    run: model.run.slice(0, 300),
    job: job.id.slice(0, 500),
    scenario: job.scenario.slice(0, 300),
    image: (image?.name ?? "").slice(0, 300),
    digest: (image?.digest ?? "").slice(0, 100),
    architecture: job.machine.architecture.slice(0, 40),
    accelerator: acceleratorOf(model, job),
    standing: standingOf(job),
    // A guest that was kept for a look at its failure may stand for days.
    durationMs: Math.min(job.attempts[0]?.durationMs ?? 0, maxDurationMs),
    attempts: job.attempts.length,
    ...(hit === null ? {} : { known: knownId(hit.entry) }),
  };
}

/** Lines as text, each ended. */
export const historyText = (lines: readonly HistoryLine[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");

export interface ParsedHistory {
  readonly lines: readonly HistoryLine[];
  /** Lines that could not be read: half written, or by another version. */
  readonly damaged: number;
}

/** Reads lines back, oldest run first; a job that is written twice for one run is counted once. */
export function parseHistory(text: string): ParsedHistory {
  let damaged = 0;
  const lines = new Map<string, HistoryLine>();
  for (const row of text.split("\n")) {
    if (row.trim() === "") continue;
    const line = parseLine(row);
    if (line === null) damaged++;
    else lines.set(`${line.run} ${line.job}`, line);
  }
  const sorted = [...lines.values()].sort(
    (one, other) => Date.parse(one.at) - Date.parse(other.at),
  );
  return { lines: sorted, damaged };
}

function parseLine(row: string): HistoryLine | null {
  try {
    return historyLine.safeParse(JSON.parse(row)).data ?? null;
  } catch {
    return null;
  }
}

/**
 * The lines that a run at `now` may expect anything by. One from the future, written where the clock was wrong, would
 * stay the newest for good; hosts of one fleet may be a day apart.
 */
export const untilNow = (lines: readonly HistoryLine[], now: Date): HistoryLine[] =>
  lines.filter(({ at }) => Date.parse(at) <= now.getTime() + dayMs);

/** Older passes say less: hosts and images change. */
const recentPasses = 20;

/** The median duration of the latest passes; null for none. */
export const expectedMsOf = (lines: readonly HistoryLine[]): number | null =>
  median(
    lines
      .filter(({ standing }) => standing === "passed")
      .slice(-recentPasses)
      .map(({ durationMs }) => durationMs),
  );

/**
 * A job's expected duration in ms, by its id: the median of its latest passes; null when it never passed. With an
 * accelerator only what ran on it counts, since emulation takes many times as long. A split must be told none: shards
 * on hosts of several kinds have to come to the same one.
 */
export function expectations(
  lines: readonly HistoryLine[],
  accelerator?: string,
): (job: string) => number | null {
  const counted = lines.filter(
    (line) => accelerator === undefined || line.accelerator === accelerator,
  );
  const byJob = groupBy(counted, ({ job }) => job);
  const expected = new Map([...byJob].map(([job, mine]) => [job, expectedMsOf(mine)]));
  return (job) => expected.get(job) ?? null;
}
