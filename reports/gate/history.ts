/**
 * The history: one JSON line for each job of each run. It is a memory for expectations and rates and never evidence, so
 * a line that cannot be read is counted and passed over; nothing in it can turn a hold into a promotion.
 */
import { z } from "zod";
import type { JobModel, RunModel } from "../model-schema.ts";
import { type Standing, standingOf } from "../run-model.ts";
import { median } from "./budgets.ts";
import { candidateOf } from "./gated-jobs.ts";
import { type KnownFailures, knownId, matchKnown } from "./known-failures.ts";

export const historyVersion = 1;

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
  accelerator: z.string().max(40),
  standing: z.enum(["passed", "flaky", "failed", "broken", "skipped", "notRun"]),
  /** Duration of the first attempt. */
  durationMs: z.number().nonnegative(),
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
    accelerator: model.host.accelerator.slice(0, 40),
    standing: standingOf(job),
    durationMs: job.attempts[0]?.durationMs ?? 0,
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

export interface ScenarioRates {
  readonly scenario: string;
  /** Jobs that ran: skipped and not-run ones tell nothing. */
  readonly ran: number;
  readonly failed: number;
  readonly broken: number;
  readonly flaky: number;
  /** Shares of those that ran: jobs that never passed, and jobs that passed only when tried again. */
  readonly failureRate: number;
  readonly flakeRate: number;
  /** Median duration of passes. */
  readonly expectedMs: number | null;
}

/** Rates of each scenario, by id. */
export function ratesOf(lines: readonly HistoryLine[]): ScenarioRates[] {
  const scenarios = [...new Set(lines.map(({ scenario }) => scenario))].sort();
  return scenarios.map((scenario) => {
    const mine = lines.filter((line) => line.scenario === scenario);
    const count = (standing: Standing): number =>
      mine.filter((line) => line.standing === standing).length;
    const [failed, broken, flaky] = [count("failed"), count("broken"), count("flaky")];
    const ran = count("passed") + failed + broken + flaky;
    return {
      scenario,
      ran,
      failed,
      broken,
      flaky,
      failureRate: ran === 0 ? 0 : (failed + broken) / ran,
      flakeRate: ran === 0 ? 0 : flaky / ran,
      expectedMs: median(passes(mine)),
    };
  });
}

/** Older passes say less: hosts and images change. */
const recentPasses = 20;

const passes = (lines: readonly HistoryLine[]): number[] =>
  lines
    .filter(({ standing }) => standing === "passed")
    .slice(-recentPasses)
    .map(({ durationMs }) => durationMs);

/** A job's expected duration in ms, by its id: the median of its latest passes; null when it never passed. */
export function expectations(lines: readonly HistoryLine[]): (job: string) => number | null {
  const byJob = new Map<string, HistoryLine[]>();
  for (const line of lines) {
    const mine = byJob.get(line.job) ?? [];
    mine.push(line);
    byJob.set(line.job, mine);
  }
  const expected = new Map([...byJob].map(([job, mine]) => [job, median(passes(mine))]));
  return (job) => expected.get(job) ?? null;
}
