/** What a decision records beside its requirements: the machines, the excuses used, the flakes. */
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { JobModel } from "../../log/model-schema.ts";
import { standingOf } from "../../log/run-model.ts";
import { knownId } from "../known/known-failures.ts";
import type { BudgetEntry, Decision } from "./decision.ts";
import type { GatedJob, JudgedRun } from "./gated-jobs.ts";
import type { JudgedEntry } from "./judge-cell.ts";

/** Each job in exactly one standing. */
export function countsOf(jobs: readonly GatedJob[]): Omit<Decision["counts"], "required"> {
  const counts = { passed: 0, flaky: 0, failed: 0, broken: 0, skipped: 0, notRun: 0 };
  for (const { job } of jobs) counts[standingOf(job)]++;
  return counts;
}

/** Each image on each kind of machine that it ran on. */
export function machinesOf(jobs: readonly GatedJob[]): Decision["machines"] {
  const found = new Map<string, Decision["machines"][number]>();
  for (const { job, accelerator } of jobs) {
    const image = job.images.candidate?.digest;
    if (image === undefined) continue;
    const { architecture, firmware, driver, board } = job.machine;
    const machine = board === undefined ? driver : `${driver}:${board}`;
    const key = [image, architecture, firmware, machine, accelerator].join(" ");
    const place = found.get(key) ?? {
      image,
      architecture,
      firmware,
      machine,
      accelerator,
      jobs: 0,
      passed: 0,
    };
    place.jobs++;
    if (standingOf(job) === "passed") place.passed++;
    found.set(key, place);
  }
  return [...found.values()];
}

/** The excuses that were looked at: known failures also where they no longer count. */
export function excusesOf(
  judged: readonly JudgedEntry[],
): Pick<Decision, "waived" | "knownFailures"> {
  return {
    waived: judged.flatMap(({ waiver, entry }) =>
      waiver === null
        ? []
        : [
            {
              scenario: waiver.scenario,
              job: entry.job,
              by: oneLine(waiver.by),
              until: waiver.until,
              reason: oneLine(waiver.reason),
            },
          ],
    ),
    knownFailures: judged.flatMap(({ known, job }) =>
      known === null || job === null
        ? []
        : [
            {
              id: knownId(known.entry),
              job: job.id,
              tracker: known.entry.tracker,
              until: known.entry.until,
              expired: known.expired,
              trueOutcome: known.trueOutcome,
              step: known.step,
              words: defuseCommands(known.words),
            },
          ],
    ),
  };
}

/** A flaky job with the outcome of each attempt. */
export function flakyEntry(job: JobModel): Decision["flaky"][number] {
  const { outcome } = job;
  return {
    job: job.id,
    attempts: job.attempts.map((attempt) => attempt.outcome.kind),
    reason: "error" in outcome ? defuseCommands(oneLine(outcome.error.headline)) : outcome.kind,
  };
}

/** What a reader should know and what decides nothing. */
export function notesOf(
  runs: readonly JudgedRun[],
  jobs: readonly GatedJob[],
  required: ReadonlySet<GatedJob>,
  budgets: readonly BudgetEntry[],
): string[] {
  const others = jobs.filter((gated) => !required.has(gated));
  return [
    ...runs.flatMap(({ model }) =>
      model.stopped === null || model.endedAt === null
        ? []
        : [`run ${model.run} was stopped: ${model.stopped}`],
    ),
    ...budgets.filter(({ state }) => state === "not-compared").map(({ note }) => note),
    ...others
      .filter(({ job }) => job.outcome.kind === "failed" || job.outcome.kind === "broken")
      .map(({ job }) => `not required: ${job.scenario} ${standingOf(job)}`),
  ].map((note) => defuseCommands(oneLine(note)));
}
