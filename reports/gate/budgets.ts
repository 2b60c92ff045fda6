/**
 * Budgets: how long and how much an image may take. The absolute limit holds for each single value; the ratio compares
 * medians with the last promoted run, of the same jobs on the same accelerator, since anything else compares hosts.
 */
import { formatBytes } from "../../harness/base/units.ts";
import type { JobModel, RunModel } from "../model-schema.ts";
import type { BudgetEntry } from "./decision.ts";
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

interface Limits {
  readonly limit: number | null;
  readonly ratioLimit: number | null;
}

/** One entry for each budget and each architecture and firmware that the jobs ran on. */
export function judgeBudgets(
  policy: Policy,
  jobs: readonly GatedJob[],
  previous: RunModel | null,
): BudgetEntry[] {
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
): BudgetEntry {
  const measure = budgetMeasures[name];
  const values = jobs.flatMap(({ job }) => valuesOf(job, measure));
  const value = values.length === 0 ? null : Math.max(...values);
  const bare = { name, architecture, firmware, value, limit, ratioLimit };
  const none = { median: median(values), previousMedian: null, ratio: null };
  const where = `${name} on ${architecture}, ${firmware}`;
  if (value === null) {
    // Without a limit, and without a value that was there before, there is nothing that a missing one could break.
    const wasThere =
      ratioLimit !== null && jobs.some(({ job }) => wasMeasured(job, previous, measure));
    const state = limit === null && !wasThere ? "not-compared" : "not-measured";
    const more = wasThere ? ", which the last promoted run did" : "";
    return { ...bare, ...none, state, note: `${where} was not measured${more}` };
  }
  if (limit !== null && value > limit) {
    const note = `${where} took ${quantity(name, value)}, the budget is ${quantity(name, limit)}`;
    return { ...bare, ...none, state: "exceeded", note };
  }
  if (ratioLimit === null)
    return { ...bare, ...none, state: "kept", note: `${where} took ${quantity(name, value)}` };
  const compared = compare(measure, jobs, previous);
  if (typeof compared === "string")
    return {
      ...bare,
      ...none,
      state: "not-compared",
      note: `${where} was not compared: ${compared}`,
    };
  const ratio = compared.now / compared.before;
  const note = `${where} took ${quantity(name, compared.now)} in the middle, ${ratio.toFixed(2)} times the last promoted run's ${quantity(name, compared.before)}`;
  const exceeded = ratio > ratioLimit;
  return {
    ...bare,
    median: compared.now,
    previousMedian: compared.before,
    ratio,
    state: exceeded ? "exceeded" : "kept",
    note: exceeded ? `${note}; ${ratioLimit} times is the budget` : note,
  };
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
  measure: string,
  jobs: readonly GatedJob[],
  previous: RunModel | null,
): { readonly now: number; readonly before: number } | string {
  if (previous === null) return "there is no promoted run yet";
  const old = new Map(previous.jobs.map((job) => [job.id, job]));
  const others = new Set<string>();
  const pairs = jobs.flatMap(({ job, accelerator }) => {
    const was = old.get(job.id);
    if (was === undefined) return [];
    const wasOn = acceleratorOf(was, previous.host.accelerator);
    if (acceleratorOf(job, accelerator) !== wasOn) {
      others.add(wasOn);
      return [];
    }
    const values = { now: valuesOf(job, measure), before: valuesOf(was, measure) };
    return values.now.length > 0 && values.before.length > 0 ? [values] : [];
  });
  const now = median(pairs.flatMap((pair) => pair.now));
  const before = median(pairs.flatMap((pair) => pair.before));
  if (now !== null && before !== null && before > 0) return { now, before };
  return others.size > 0
    ? `it ran with another accelerator (${[...others].join(", ")})`
    : "the last promoted run has no such value";
}

const quantity = (name: BudgetName, value: number): string =>
  name === "pulled" ? formatBytes(value) : `${value.toFixed(1)} s`;
