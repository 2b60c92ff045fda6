/**
 * Budgets: how long and how much an image may take. The absolute limit holds for each single value of each run; the
 * ratio compares medians with the last promoted run, of the same jobs on the same kind of host, since anything else
 * compares hosts. A time limit that only an emulated guest exceeds says nothing about the image. A job that passed owes
 * the values that it had in the promoted run.
 */
import { formatBytes } from "../../base/units.ts";
import { oneLine } from "../../log/clean-text.ts";
import type { AttemptModel, JobModel, RunModel } from "../../log/model-schema.ts";
import type { Blame, BudgetEntry } from "../verdict/decision.ts";
import type { GatedJob, HostedJob } from "../verdict/gated-jobs.ts";
import type { JudgedEntry } from "../verdict/judge-cell.ts";
import type { ScenarioFacts } from "./check-policy.ts";
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

/** What the budgets are judged by. */
export interface BudgetFacts {
  readonly jobs: readonly GatedJob[];
  /** What was found of each job, and what was missing: what is excused owes no value. */
  readonly judged: readonly JudgedEntry[];
  readonly previous: RunModel | null;
  readonly scenarios: readonly Pick<ScenarioFacts, "id" | "measures">[];
}

/** An attempt that passed, and what its guests ran on. A failed one measures nothing that was promised. */
interface Pass {
  readonly attempt: AttemptModel;
  readonly accelerator: string;
  readonly cpus: number;
}

/** One budget at one place, and the jobs there that passed at least once. */
interface Question {
  readonly name: BudgetName;
  readonly limit: number | null;
  readonly ratioLimit: number | null;
  readonly machine: JobModel["machine"];
  readonly jobs: readonly GatedJob[];
}

/** One entry for each budget and each architecture and firmware that the jobs passed on. */
export function judgeBudgets(policy: Policy, facts: BudgetFacts): JudgedBudget[] {
  const passed = facts.jobs.filter((gated) => passesOf(gated.runs).length > 0);
  const places = new Map(passed.map(({ job }) => [placeOf(job.machine), job.machine]));
  return (Object.keys(budgetMeasures) as BudgetName[]).flatMap((name) => {
    const budget = policy.budgets[name];
    if (budget === undefined) return [];
    const absolute = "bytes" in budget ? budget.bytes : "seconds" in budget ? budget.seconds : null;
    const limits = { limit: absolute ?? null, ratioLimit: budget.ratio ?? null };
    return [...places].map(([place, machine]) => {
      const jobs = passed.filter(({ job }) => placeOf(job.machine) === place);
      return judge({ name, ...limits, machine, jobs }, facts);
    });
  });
}

const placeOf = ({ architecture, firmware }: JobModel["machine"]): string =>
  `${architecture} ${firmware}`;

/** Earliest first. */
const passesOf = (runs: readonly HostedJob[]): Pass[] =>
  runs.flatMap(({ job, accelerator, cpus }) =>
    job.attempts
      .filter(({ outcome }) => outcome.kind === "passed")
      .map((attempt) => ({ attempt, accelerator: acceleratorOf(attempt, accelerator), cpus })),
  );

/** What an attempt's guests ran on: a merged run may have several kinds of host. */
const acceleratorOf = ({ guests }: AttemptModel, host: string): string => {
  const told = guests.map(({ accelerator }) => accelerator);
  return [...new Set(told.length > 0 ? told : [host])].sort().join(", ");
};

const valuesOf = ({ attempt }: Pass, name: BudgetName): number[] =>
  attempt.measures.flatMap((one) => (one.name === budgetMeasures[name] ? [one.value] : []));

/** The passes in which a value was taken. */
const measuredIn = (runs: readonly HostedJob[], name: BudgetName): Pass[] =>
  passesOf(runs).filter((pass) => valuesOf(pass, name).length > 0);

/** The same job in the promoted run; null where there is none. */
function promotedOf({ job: { id } }: GatedJob, previous: RunModel | null): HostedJob[] {
  if (previous === null) return [];
  const { accelerator, cpus } = previous.host;
  return previous.jobs.filter((job) => job.id === id).map((job) => ({ job, accelerator, cpus }));
}

function judge(question: Question, facts: BudgetFacts): JudgedBudget {
  const { name, limit, ratioLimit, machine, jobs } = question;
  const { architecture, firmware } = machine;
  const passes = jobs.flatMap(({ runs }) => passesOf(runs));
  const values = passes.flatMap((pass) => valuesOf(pass, name));
  const value = values.length === 0 ? null : Math.max(...values);
  const where = `${name} on ${architecture}, ${firmware}`;
  const give = (finding: Finding): JudgedBudget => {
    const { because, state, note, ...compared } = finding;
    const none = { median: median(values), previousMedian: null, ratio: null };
    const bare = { name, architecture, firmware, value, limit, ratioLimit };
    return { entry: { ...bare, ...none, ...compared, state, note: `${where} ${note}` }, because };
  };
  const lacking = lackingIn(question, facts.previous);
  if (value === null) return give(lacking ?? unmeasured(question, facts));
  const over = limit === null ? null : overLimit(name, passes, limit);
  if (over?.because === "image") return give(over);
  const ratio = ratioLimit === null ? null : judgeRatio(name, jobs, ratioLimit, facts.previous);
  if (ratio?.because === "image") return give(ratio);
  const kept = { state: "kept", because: null, note: `took ${quantity(name, value)}` } as const;
  return give(over ?? lacking ?? ratio ?? kept);
}

/** What one half of a budget came to; the note is the rest of a sentence about its name and place. */
type Finding = Pick<BudgetEntry, "state" | "note"> &
  Partial<Pick<BudgetEntry, "median" | "previousMedian" | "ratio">> &
  Pick<JudgedBudget, "because">;

/** Jobs that passed without a value that they had in the promoted run: nothing tells what it would have been. */
function lackingIn({ name, jobs }: Question, previous: RunModel | null): Finding | null {
  const lacking = jobs.filter(
    (gated) =>
      measuredIn(gated.runs, name).length === 0 &&
      measuredIn(promotedOf(gated, previous), name).length > 0,
  );
  if (lacking.length === 0) return null;
  const which = [...new Set(lacking.map(({ job }) => oneLine(job.scenario, 100)))].join(", ");
  const note = `was not measured in ${which}, and was in the last promoted run`;
  return { state: "not-measured", because: "cannot-tell", note };
}

/** No job has a value. A limit then holds, but for one that only jobs could have which are excused for not passing. */
function unmeasured(question: Question, { judged, previous, scenarios }: BudgetFacts): Finding {
  const { name, limit, machine } = question;
  const isOfBudget = (one: { readonly name: string }): boolean => one.name === budgetMeasures[name];
  const measuring = new Set([
    ...scenarios
      .filter(({ measures = [] }) => measures.includes(budgetMeasures[name]))
      .map(({ id }) => id),
    ...(previous?.jobs ?? [])
      .filter(({ attempts }) => attempts.some(({ measures }) => measures.some(isOfBudget)))
      .map(({ scenario }) => scenario),
  ]);
  const able = judged.filter(
    ({ entry: { scenario, architecture, firmware } }) =>
      scenario !== null &&
      measuring.has(scenario) &&
      (architecture ?? machine.architecture) === machine.architecture &&
      (firmware ?? machine.firmware) === machine.firmware,
  );
  const isExcused = able.length > 0 && able.every(owesNothing);
  const note = `was not measured${isExcused ? ": the failure of what measures it is excused" : ""}`;
  return limit === null || isExcused
    ? { state: "not-compared", because: null, note }
    : { state: "not-measured", because: "cannot-tell", note };
}

const owesNothing = ({ entry, job }: JudgedEntry): boolean =>
  entry.excuse !== null && job?.attempts.some(({ outcome }) => outcome.kind === "passed") !== true;

/** The largest value over the limit, one of a real machine first, since only that one is the image's fault. */
function overLimit(name: BudgetName, passes: readonly Pass[], limit: number): Finding | null {
  const largest = (some: readonly Pass[]): number =>
    Math.max(0, ...some.flatMap((pass) => valuesOf(pass, name)));
  const budget = `the budget is ${quantity(name, limit)}`;
  const real = largest(passes.filter((pass) => name === "pulled" || !isEmulated(pass)));
  if (real > limit)
    return {
      state: "exceeded",
      because: "image",
      note: `took ${quantity(name, real)}, ${budget}`,
    };
  const emulated = largest(passes);
  if (emulated <= limit) return null;
  return {
    state: "exceeded",
    because: "cannot-tell",
    note: `took ${quantity(name, emulated)} under emulation (tcg), which takes many times as long; ${budget}`,
  };
}

/** Whether any guest had no hardware acceleration: nothing tells then which of them a time was taken of. */
const isEmulated = ({ accelerator }: Pass): boolean => accelerator.split(", ").includes("tcg");

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

/** Medians of the jobs that both runs have, or why there is nothing to compare. */
function compare(
  name: BudgetName,
  jobs: readonly GatedJob[],
  previous: RunModel | null,
): { readonly now: number; readonly before: number } | string {
  if (previous === null) return "there is no promoted run yet";
  const others = new Set<string>();
  const pairs = jobs.flatMap((gated) => {
    const here = measuredIn(gated.runs, name);
    const was = measuredIn(promotedOf(gated, previous), name).at(-1);
    if (was === undefined || here.length === 0) return [];
    // The last pass on such a host: running again on another one takes nothing out of the comparison.
    const now = here.findLast((pass) => otherHost(name, pass, was) === null);
    if (now !== undefined) return [{ now: valuesOf(now, name), before: valuesOf(was, name) }];
    for (const pass of here) others.add(otherHost(name, pass, was) ?? "");
    return [];
  });
  const now = median(pairs.flatMap((pair) => pair.now));
  const before = median(pairs.flatMap((pair) => pair.before));
  if (now !== null && before !== null && before > 0) return { now, before };
  return others.size > 0
    ? `the last promoted run had ${[...others].join("; ")}`
    : "the last promoted run has no such value";
}

/** How the promoted run's host differs, as far as values depend on it; null: it does not. Bytes depend on none. */
function otherHost(name: BudgetName, here: Pass, before: Pass): string | null {
  if (name === "pulled") return null;
  const differences = [
    ...(here.accelerator === before.accelerator
      ? []
      : [`another accelerator (${before.accelerator})`]),
    ...(here.cpus === before.cpus
      ? []
      : [`another number of processors (${before.cpus}, here ${here.cpus})`]),
  ];
  return differences.length === 0 ? null : differences.join(" and ");
}

const quantity = (name: BudgetName, value: number): string =>
  name === "pulled" ? formatBytes(value) : `${value.toFixed(1)} s`;
