/**
 * Budgets: how long and how much an image may take. The absolute limit holds for each single value; the ratio compares
 * medians with the last promoted run, of the same jobs on the same kind of host, since anything else compares hosts.
 * A time limit that only an emulated guest exceeds says nothing about the image.
 */
import { formatBytes } from "../../harness/base/units.ts";
import type { JobModel, RunModel } from "../model-schema.ts";
import type { Blame, BudgetEntry } from "./decision.ts";
import type { GatedJob } from "./gated-jobs.ts";
import { type BudgetName, budgetMeasures, type Policy } from "./policy.ts";

/** Middle value; null for none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2;
}

/** A budget's entry in the decision, and whom it blames; null: it holds nothing up. */
export interface JudgedBudget {
  readonly entry: BudgetEntry;
  readonly because: Blame | null;
}

interface Limits {
  readonly limit: number | null;
  readonly ratioLimit: number | null;
}

/** One entry for each budget and each architecture and firmware that the jobs ran on. */
export function judgeBudgets(
  policy: Policy,
  jobs: readonly GatedJob[],
  previous: RunModel | null,
): JudgedBudget[] {
  const passed = jobs.filter(({ job }) => lastPass(job) !== null);
  const places = new Map(passed.map((gated) => [placeOf(gated.job), gated.job.machine]));
  return (Object.keys(budgetMeasures) as BudgetName[]).flatMap((name) => {
    const budget = policy.budgets[name];
    if (budget === undefined) return [];
    const absolute = "bytes" in budget ? budget.bytes : "seconds" in budget ? budget.seconds : null;
    const limits = { limit: absolute ?? null, ratioLimit: budget.ratio ?? null };
    return [...places].map(([place, machine]) =>
      judge(
        name,
        machine,
        passed.filter(({ job }) => placeOf(job) === place),
        limits,
        previous,
      ),
    );
  });
}

const placeOf = ({ machine }: JobModel): string => `${machine.architecture} ${machine.firmware}`;

/** The attempt that passed: a failed one measures nothing that was promised. */
const lastPass = (job: JobModel) =>
  job.attempts.findLast(({ outcome }) => outcome.kind === "passed") ?? null;

const valuesOf = (job: JobModel, measure: string): number[] =>
  (lastPass(job)?.measures ?? []).flatMap(({ name, value }) => (name === measure ? [value] : []));

function judge(
  name: BudgetName,
  { architecture, firmware }: JobModel["machine"],
  jobs: readonly GatedJob[],
  { limit, ratioLimit }: Limits,
  previous: RunModel | null,
): JudgedBudget {
  const measure = budgetMeasures[name];
  const values = jobs.flatMap(({ job }) => valuesOf(job, measure));
  const value = values.length === 0 ? null : Math.max(...values);
  const where = `${name} on ${architecture}, ${firmware}`;
  const give = (finding: Finding): JudgedBudget => {
    const { because, state, note, ...compared } = finding;
    const none = { median: median(values), previousMedian: null, ratio: null };
    const bare = { name, architecture, firmware, value, limit, ratioLimit };
    return { entry: { ...bare, ...none, ...compared, state, note: `${where} ${note}` }, because };
  };
  if (value === null) {
    // Without a limit, and without a value that was there before, there is nothing that a missing one could break.
    const wasThere =
      ratioLimit !== null && jobs.some(({ job }) => wasMeasured(job, previous, measure));
    const note = `was not measured${wasThere ? ", which the last promoted run did" : ""}`;
    return give(
      limit === null && !wasThere
        ? { state: "not-compared", because: null, note }
        : { state: "not-measured", because: "cannot-tell", note },
    );
  }
  const over = limit === null ? null : overLimit(name, jobs, limit);
  if (over?.because === "image") return give(over);
  const ratio = ratioLimit === null ? null : judgeRatio(name, jobs, ratioLimit, previous);
  if (ratio?.because === "image") return give(ratio);
  const kept = { state: "kept", because: null, note: `took ${quantity(name, value)}` } as const;
  return give(over ?? ratio ?? kept);
}

/** What one half of a budget came to; the note is the rest of a sentence about its name and place. */
type Finding = Pick<BudgetEntry, "state" | "note"> &
  Partial<Pick<BudgetEntry, "median" | "previousMedian" | "ratio">> &
  Pick<JudgedBudget, "because">;

/** The largest value over the limit, one of a real machine first, since only that one is the image's fault. */
function overLimit(name: BudgetName, jobs: readonly GatedJob[], limit: number): Finding | null {
  const measure = budgetMeasures[name];
  const largest = (some: readonly GatedJob[]): number =>
    Math.max(0, ...some.flatMap(({ job }) => valuesOf(job, measure)));
  const budget = `the budget is ${quantity(name, limit)}`;
  const real = largest(jobs.filter((gated) => name === "pulled" || !isEmulated(gated)));
  if (real > limit)
    return {
      state: "exceeded",
      because: "image",
      note: `took ${quantity(name, real)}, ${budget}`,
    };
  const emulated = largest(jobs);
  if (emulated <= limit) return null;
  return {
    state: "exceeded",
    because: "cannot-tell",
    note: `took ${quantity(name, emulated)} under emulation (tcg), which takes many times as long; ${budget}`,
  };
}

/** Whether any of a job's guests had no hardware acceleration: nothing tells then which of them a time was taken of. */
const isEmulated = ({ job, accelerator }: GatedJob): boolean =>
  acceleratorOf(job, accelerator).split(", ").includes("tcg");

function judgeRatio(
  name: BudgetName,
  jobs: readonly GatedJob[],
  ratioLimit: number,
  previous: RunModel | null,
): Finding {
  const compared = compare(name, jobs, previous);
  if (typeof compared === "string")
    return { state: "not-compared", because: null, note: `was not compared: ${compared}` };
  const { now, before } = compared;
  const ratio = now / before;
  const note = `took ${quantity(name, now)} in the middle, ${ratio.toFixed(2)} times the last promoted run's ${quantity(name, before)}`;
  const values = { median: now, previousMedian: before, ratio };
  return ratio > ratioLimit
    ? {
        ...values,
        state: "exceeded",
        because: "image",
        note: `${note}; ${ratioLimit} times is the budget`,
      }
    : { ...values, state: "kept", because: null, note };
}

/** Whether the promoted run has a value of the same job. */
const wasMeasured = ({ id }: JobModel, previous: RunModel | null, measure: string): boolean =>
  previous?.jobs.some((old) => old.id === id && valuesOf(old, measure).length > 0) === true;

/** What a job's guests ran on: a merged run may have several kinds of host. */
const acceleratorOf = (job: JobModel, host: string): string => {
  const guests = (lastPass(job)?.guests ?? []).map(({ accelerator }) => accelerator);
  return [...new Set(guests.length > 0 ? guests : [host])].sort().join(", ");
};

/** Medians of the jobs that both runs have, or why there is nothing to compare. */
function compare(
  name: BudgetName,
  jobs: readonly GatedJob[],
  previous: RunModel | null,
): { readonly now: number; readonly before: number } | string {
  if (previous === null) return "there is no promoted run yet";
  const measure = budgetMeasures[name];
  const old = new Map(previous.jobs.map((job) => [job.id, job]));
  const others = new Set<string>();
  const pairs = jobs.flatMap((gated) => {
    const was = old.get(gated.job.id);
    if (was === undefined) return [];
    // A host has no part in how much a guest pulls.
    const other = name === "pulled" ? null : otherHost(gated, { job: was, ...previous.host });
    if (other !== null) {
      others.add(other);
      return [];
    }
    const values = { now: valuesOf(gated.job, measure), before: valuesOf(was, measure) };
    return values.now.length > 0 && values.before.length > 0 ? [values] : [];
  });
  const now = median(pairs.flatMap((pair) => pair.now));
  const before = median(pairs.flatMap((pair) => pair.before));
  if (now !== null && before !== null && before > 0) return { now, before };
  return others.size > 0
    ? `the last promoted run had ${[...others].join("; ")}`
    : "the last promoted run has no such value";
}

/** How the host of the promoted run's job differs from this one's, as far as times depend on it; null: it does not. */
function otherHost(here: GatedJob, before: GatedJob): string | null {
  const accelerator = acceleratorOf(before.job, before.accelerator);
  const differences = [
    ...(acceleratorOf(here.job, here.accelerator) === accelerator
      ? []
      : [`another accelerator (${accelerator})`]),
    ...(here.cpus === before.cpus
      ? []
      : [`another number of processors (${before.cpus}, here ${here.cpus})`]),
  ];
  return differences.length === 0 ? null : differences.join(" and ");
}

const quantity = (name: BudgetName, value: number): string =>
  name === "pulled" ? formatBytes(value) : `${value.toFixed(1)} s`;
