/**
 * The verdict: a pure function of runs, policy, known failures and the time. It promotes only when everything that the
 * policy requires was shown; what was not shown holds, and the reasons say whether the image or our knowledge is at
 * fault. All text that came from a guest is one capped line by here, and none of it decides anything.
 */
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { RunModel } from "../../log/model-schema.ts";
import type { KnownFailures } from "../known/known-failures.ts";
import { type BudgetFacts, type JudgedBudget, judgeBudgets } from "../policy/budgets.ts";
import { deviationsOf } from "../policy/deviations.ts";
import { type Cell, cellsOf, type Policy, policyDigest } from "../policy/policy.ts";
import { type Decision, decisionVersion, type RequirementEntry } from "./decision.ts";
import { countsOf, excusesOf, flakyEntry, machinesOf, notesOf } from "./decision-facts.ts";
import {
  checkRuns,
  type GatedJob,
  type ImageModel,
  type JudgedRun,
  mergeJobs,
} from "./gated-jobs.ts";
import { isIn, type JudgedEntry, judgeCell } from "./judge-cell.ts";

export interface DecideOptions {
  readonly runs: readonly JudgedRun[];
  readonly policy: Policy;
  readonly known: KnownFailures;
  /** The last promoted run, for budgets. */
  readonly previous?: RunModel;
  /** What each scenario says that it measures: tells whose values are missing because a failure is excused. */
  readonly scenarios?: BudgetFacts["scenarios"];
  readonly now: Date;
}

/** More reasons than a person reads; the entries are all in the decision. */
const maxReasons = 50;

/** Decides. Throws UsageError when the runs are not of one candidate and one version of the harness. */
export function decide(options: DecideOptions): Decision {
  const { policy, known, now } = options;
  const candidates = checkRuns(
    options.runs,
    policy.require.flatMap(({ images }) => images ?? []),
  );
  const jobs = mergeJobs(options.runs);
  const cells = cellsOf(policy);
  const near = byScenario(jobs);
  const jobsOf = (cell: Cell): readonly GatedJob[] => near.get(cell.scenario) ?? [];
  const judged = distinct(
    cells.flatMap((cell) =>
      judgeCell(cell, { policy, known, candidates, jobs: jobsOf(cell), now }),
    ),
  );
  const inCells = new Set(
    cells.flatMap((cell) => jobsOf(cell).filter(({ job }) => isIn(cell, job))),
  );
  const required = jobs.filter((gated) => inCells.has(gated));
  const deviations = deviationsOf(required, policy);
  const { previous = null, scenarios = [] } = options;
  const budgets = judgeBudgets(policy, { jobs: required, judged, previous, scenarios });
  const entries = [
    ...judged.map(({ entry }) => entry),
    ...deviations.filter(({ allowed }) => !allowed).map(deviationEntry),
    ...budgets.flatMap(budgetEntry),
    ...unproved(candidates, judged),
    ...claimed(candidates, policy),
    ...tooFew(judged, policy),
    ...stoppedRuns(options.runs),
  ].map(tidy);
  const unsatisfied = inOrder(entries.filter(({ because }) => because !== null));
  const satisfied = entries.filter(({ because }) => because === null);
  return {
    version: decisionVersion,
    ...verdictOf(unsatisfied, satisfied),
    decidedAt: now.toISOString(),
    harness: options.runs[0]?.model.harness ?? "",
    policy: { name: oneLine(policy.name), digest: policyDigest(policy) },
    candidates: [...candidates],
    machines: machinesOf(required),
    runs: options.runs.map(({ model, eventsDigest }) => ({
      run: model.run,
      startedAt: model.startedAt,
      stopped: model.stopped,
      events: eventsDigest,
    })),
    counts: { required: cells.length, ...countsOf(required) },
    satisfied,
    unsatisfied,
    ...excusesOf(judged),
    flaky: required.filter(({ job }) => job.flaky).map(({ job }) => flakyEntry(job)),
    deviations,
    budgets: budgets.map(({ entry }) => entry),
    notes: notesOf(
      options.runs,
      jobs,
      inCells,
      budgets.map(({ entry }) => entry),
    ),
  };
}

function byScenario(jobs: readonly GatedJob[]): Map<string, GatedJob[]> {
  const found = new Map<string, GatedJob[]>();
  for (const gated of jobs) {
    const mine = found.get(gated.job.scenario) ?? [];
    mine.push(gated);
    found.set(gated.job.scenario, mine);
  }
  return found;
}

/** A job that lies in two overlapping cells is judged once. */
function distinct(entries: readonly JudgedEntry[]): JudgedEntry[] {
  return [
    ...new Map(
      entries.map((one) => [`${one.entry.job} ${one.entry.image} ${one.entry.reason}`, one]),
    ).values(),
  ];
}

/** The last door for text: one line, no controls, capped, and nothing that a CI would obey. */
const tidy = (entry: RequirementEntry): RequirementEntry => ({
  ...entry,
  reason: defuseCommands(oneLine(entry.reason, 600)),
});

const telling: readonly RequirementEntry["type"][] = [
  "test-result-failed",
  "budget-exceeded",
  "test-result-errored",
  "test-result-flaky",
  "test-result-missing",
  "deviation-not-allowed",
  "budget-not-measured",
  "too-few-passed",
  "digest-not-proved",
  "test-result-passed",
];

/** The image's fault first, then what says most. */
const inOrder = (entries: readonly RequirementEntry[]): RequirementEntry[] =>
  entries.toSorted(
    (one, other) =>
      Number(one.because !== "image") - Number(other.because !== "image") ||
      telling.indexOf(one.type) - telling.indexOf(other.type),
  );

function verdictOf(
  unsatisfied: readonly RequirementEntry[],
  satisfied: readonly RequirementEntry[],
): Pick<Decision, "verdict" | "because" | "reasons"> {
  const first = unsatisfied[0];
  if (first !== undefined) {
    const reasons = unsatisfied.slice(0, maxReasons).map(({ reason }) => reason);
    if (unsatisfied.length > maxReasons)
      reasons.push(`${unsatisfied.length - maxReasons} more are in decision.json`);
    return { verdict: "HOLD", because: first.because, reasons };
  }
  const excuses = satisfied.filter(({ excuse }) => excuse !== null);
  const passed = satisfied.filter(({ type }) => type === "test-result-passed").length;
  const jobs = `${passed} required ${passed === 1 ? "job" : "jobs"} passed`;
  const rest = excuses.length === 0 ? "" : ` and ${excuses.length} excused`;
  return {
    verdict: "PROMOTE",
    because: null,
    reasons: [
      `${jobs}${rest}`,
      ...excuses.slice(0, maxReasons).map(({ reason }) => `excused: ${reason}`),
    ],
  };
}

const general = {
  excuse: null,
  scenario: null,
  job: null,
  image: null,
  architecture: null,
  firmware: null,
} as const;

function deviationEntry({ id, text, jobs }: Decision["deviations"][number]): RequirementEntry {
  const where = `${jobs} ${jobs === 1 ? "job" : "jobs"}`;
  return {
    ...general,
    type: "deviation-not-allowed",
    because: "cannot-tell",
    reason: `the policy does not allow the deviation '${id}' (${where}): ${text}`,
  };
}

function budgetEntry({ entry, because }: JudgedBudget): RequirementEntry[] {
  const { state, note, architecture, firmware } = entry;
  if (because === null) return [];
  return [
    {
      ...general,
      type: state === "exceeded" ? "budget-exceeded" : "budget-not-measured",
      because,
      architecture,
      firmware,
      reason: `budget: ${note}`,
    },
  ];
}

/** What the policy lets through, a flake included, is excused and did not pass. */
const isPass = ({ entry }: JudgedEntry): boolean => entry.type === "test-result-passed";

/** A candidate may not be promoted on what was shown of another one, nor on excuses alone. */
function unproved(
  candidates: readonly ImageModel[],
  judged: readonly JudgedEntry[],
): RequirementEntry[] {
  if (candidates.length === 1) return [];
  return candidates.flatMap(({ name, digest, architecture }) => {
    const mine = judged.filter(
      ({ entry }) => entry.image === digest && entry.architecture === architecture,
    );
    if (mine.some(isPass)) return [];
    const who = `${oneLine(name, 100)}, ${oneLine(architecture, 40)}`;
    const reason =
      mine.length === 0
        ? `the policy requires nothing of ${who}, so nothing is proved about it`
        : `nothing that is required of ${who} passed, so nothing is proved about it`;
    const entry = { ...general, image: digest, architecture, because: "cannot-tell" } as const;
    return [{ ...entry, type: "too-few-passed", reason }];
  });
}

/** Where only a disk was named, the digest of the image is what its own guest says. */
function claimed(candidates: readonly ImageModel[], { digests }: Policy): RequirementEntry[] {
  if (digests !== "proved") return [];
  return candidates
    .filter(({ digestOf }) => digestOf === "disk")
    .map(({ name, digest, architecture }) => ({
      ...general,
      type: "digest-not-proved",
      because: "cannot-tell",
      image: digest,
      architecture,
      reason: `the policy wants a proved digest, and of ${oneLine(name, 100)} only the disk was given: which image it holds is its guest's own word (--candidate-oci names the image)`,
    }));
}

/** Counted one by one and never by subtraction; no excuse counts, and a flake that the policy lets pass is one. */
function tooFew(judged: readonly JudgedEntry[], { minimumPassed }: Policy): RequirementEntry[] {
  const passed = judged.filter(isPass).length;
  if (passed >= minimumPassed) return [];
  const reason =
    passed === 0
      ? "nothing that is required passed, so nothing is proved"
      : `${passed} required jobs passed, the policy wants ${minimumPassed}`;
  return [{ ...general, type: "too-few-passed", because: "cannot-tell", reason }];
}

/** A run that was killed or stopped may have more to say than it could. */
function stoppedRuns(runs: readonly JudgedRun[]): RequirementEntry[] {
  return runs
    .filter(({ model }) => model.endedAt === null)
    .map(({ model }) => ({
      ...general,
      type: "test-result-missing",
      because: "cannot-tell",
      reason: `run ${model.run} has no end: it was killed or still goes on`,
    }));
}
