/** Entries of a decision that are not of one job, and what follows from all of them: order, verdict, reasons. */
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { Policy } from "../policy/policy.ts";
import type { Decision, RequirementEntry } from "./decision.ts";
import type { JudgedRun } from "./gated-jobs.ts";
import type { JudgedEntry } from "./judge-cell.ts";

/** More reasons than a person reads; the entries are all in the decision. */
const maxReasons = 50;

/** The last door for text: one line, no controls, capped, and nothing that a CI would obey. */
export const tidy = (entry: RequirementEntry): RequirementEntry => ({
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
export const inOrder = (entries: readonly RequirementEntry[]): RequirementEntry[] =>
  entries.toSorted(
    (one, other) =>
      Number(one.because !== "image") - Number(other.because !== "image") ||
      telling.indexOf(one.type) - telling.indexOf(other.type),
  );

export function verdictOf(
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

export const general = {
  excuse: null,
  scenario: null,
  job: null,
  image: null,
  architecture: null,
  firmware: null,
} as const;

export function deviationEntry({
  id,
  text,
  jobs,
}: Decision["deviations"][number]): RequirementEntry {
  const where = `${jobs} ${jobs === 1 ? "job" : "jobs"}`;
  return {
    ...general,
    type: "deviation-not-allowed",
    because: "cannot-tell",
    reason: `the policy does not allow the deviation '${id}' (${where}): ${text}`,
  };
}

/** What the policy lets through, a flake included, is excused and did not pass. */
export const isPass = ({ entry }: JudgedEntry): boolean => entry.type === "test-result-passed";

/** Counted one by one and never by subtraction; no excuse counts, and a flake that the policy lets pass is one. */
export function tooFew(
  judged: readonly JudgedEntry[],
  { minimumPassed }: Policy,
): RequirementEntry[] {
  const passed = judged.filter(isPass).length;
  if (passed >= minimumPassed) return [];
  const reason =
    passed === 0
      ? "nothing that is required passed, so nothing is proved"
      : `${passed} required jobs passed, the policy wants ${minimumPassed}`;
  return [{ ...general, type: "too-few-passed", because: "cannot-tell", reason }];
}

/** A run that was killed or stopped may have more to say than it could. */
export function stoppedRuns(runs: readonly JudgedRun[]): RequirementEntry[] {
  return runs
    .filter(({ model }) => model.endedAt === null)
    .map(({ model }) => ({
      ...general,
      type: "test-result-missing",
      because: "cannot-tell",
      reason: `run ${model.run} has no end: it was killed or still goes on`,
    }));
}
