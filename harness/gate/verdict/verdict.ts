/**
 * The verdict: a pure function of runs, policy, known failures and the time. It promotes only when everything that the
 * policy requires was shown; what was not shown holds, and the reasons say whether the image or our knowledge is at
 * fault. All text that came from a guest is one capped line by here, and none of it decides anything.
 */
import { groupBy } from "../../base/group-by.ts";
import { oneLine } from "../../log/clean-text.ts";
import type { RunModel } from "../../log/model-schema.ts";
import type { KnownFailures } from "../known/known-failures.ts";
import { type BudgetFacts, type JudgedBudget, judgeBudgets } from "../policy/budgets.ts";
import { type Cell, cellsOf, type Policy } from "../policy/policy.ts";
import { assemble, distinct } from "./assemble.ts";
import type { About, Decision, RequirementEntry } from "./decision.ts";
import { general, isPass, tooFew } from "./entries.ts";
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
  /** Set where it is about a part of what the runs have: what it is about, and which points of the policy concern it. */
  readonly part?: { readonly about: About; readonly concerns: (cell: Cell) => boolean };
}

/** Decides. Throws UsageError when the runs are not of one candidate and one version of the harness. */
export function decide(options: DecideOptions): Decision {
  const { policy, known, now, part } = options;
  const candidates = checkRuns(
    options.runs,
    policy.require.flatMap(({ images }) => images ?? []),
    { mayLack: part !== undefined },
  );
  const jobs = mergeJobs(options.runs);
  const cells = cellsOf(policy).filter((cell) => part?.concerns(cell) ?? true);
  const near = groupBy(jobs, ({ job }) => job.scenario);
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
  const { previous = null, scenarios = [] } = options;
  const budgets = judgeBudgets(policy, { jobs: required, judged, previous, scenarios });
  return assemble({
    ...(part === undefined ? {} : { about: part.about }),
    ...{ runs: options.runs, policy, now, candidates, jobs, required, judged },
    points: cells.length,
    budgets: budgets.map(({ entry }) => entry),
    entries: [
      ...judged.map(({ entry }) => entry),
      ...budgets.flatMap(budgetEntry),
      ...unproved(candidates, judged),
      ...claimed(candidates, policy),
      ...tooFew(judged, policy),
    ],
  });
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
