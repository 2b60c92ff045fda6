/** What every decision has, whatever it is about: its verdict by its entries, and what it was judged from. */
import { oneLine } from "../../log/clean-text.ts";
import { deviationsOf } from "../policy/deviations.ts";
import { type Policy, policyDigest } from "../policy/policy.ts";
import {
  type BudgetEntry,
  type Decision,
  decisionVersion,
  type RequirementEntry,
} from "./decision.ts";
import { countsOf, excusesOf, flakyEntry, machinesOf, notesOf } from "./decision-facts.ts";
import { deviationEntry, inOrder, stoppedRuns, tidy, verdictOf } from "./entries.ts";
import type { GatedJob, ImageModel, JudgedRun } from "./gated-jobs.ts";
import type { JudgedEntry } from "./judge-cell.ts";

export interface Judged {
  readonly about?: Decision["about"];
  readonly runs: readonly JudgedRun[];
  readonly policy: Policy;
  readonly now: Date;
  readonly candidates: readonly ImageModel[];
  readonly jobs: readonly GatedJob[];
  /** Those of `jobs` that the policy requires. */
  readonly required: readonly GatedJob[];
  /** Points of the policy. */
  readonly points: number;
  /** Each job once. */
  readonly judged: readonly JudgedEntry[];
  readonly budgets: readonly BudgetEntry[];
  /** All but deviations and runs without an end, which hold every decision. */
  readonly entries: readonly RequirementEntry[];
}

export function assemble(of: Judged): Decision {
  const { runs, policy, jobs, required, budgets } = of;
  const deviations = deviationsOf(required, policy);
  const entries = [
    ...of.entries,
    ...deviations.filter(({ allowed }) => !allowed).map(deviationEntry),
    ...stoppedRuns(runs),
  ].map(tidy);
  const unsatisfied = inOrder(entries.filter(({ because }) => because !== null));
  const satisfied = entries.filter(({ because }) => because === null);
  return {
    version: decisionVersion,
    ...(of.about === undefined ? {} : { about: of.about }),
    ...verdictOf(unsatisfied, satisfied),
    decidedAt: of.now.toISOString(),
    harness: runs[0]?.model.harness ?? "",
    policy: { name: oneLine(policy.name), digest: policyDigest(policy) },
    candidates: [...of.candidates],
    machines: machinesOf(required),
    runs: runs.map(({ model, eventsDigest }) => ({
      run: model.run,
      startedAt: model.startedAt,
      stopped: model.stopped,
      events: eventsDigest,
    })),
    counts: { required: of.points, ...countsOf(required) },
    satisfied,
    unsatisfied,
    ...excusesOf(of.judged),
    flaky: required.filter(({ job }) => job.flaky).map(({ job }) => flakyEntry(job)),
    deviations,
    budgets: [...budgets],
    notes: notesOf(runs, jobs, new Set(required), budgets),
  };
}

/** A job that lies in two overlapping points of the policy is judged once. */
export function distinct(entries: readonly JudgedEntry[]): JudgedEntry[] {
  return [
    ...new Map(
      entries.map((one) => [`${one.entry.job} ${one.entry.image} ${one.entry.reason}`, one]),
    ).values(),
  ];
}
