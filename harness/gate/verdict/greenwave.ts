/**
 * The decision in the shape of Greenwave's answer (`POST /api/v1.0/decision`, docs/decision_requirements.rst), for
 * pipelines that already read one. Types that Greenwave has no word for count as failed or missing results.
 */
import { shortDigest } from "../../base/units.ts";
import type { Decision, RequirementEntry } from "./decision.ts";

interface GreenwaveRequirement {
  readonly type: string;
  readonly testcase: string;
  readonly subject_type: string;
  readonly subject_identifier: string;
  readonly scenario: string | null;
  readonly system_architecture: string | null;
  readonly system_variant: string | null;
  readonly error_reason?: string;
}

const subjectType = "bootc-image";

const types: Readonly<Record<RequirementEntry["type"], string>> = {
  "test-result-passed": "test-result-passed",
  "test-result-missing": "test-result-missing",
  "test-result-failed": "test-result-failed",
  "test-result-errored": "test-result-errored",
  // Greenwave has no flakes: one that holds is a result that tells nothing.
  "test-result-flaky": "test-result-errored",
  "deviation-not-allowed": "test-result-errored",
  "budget-exceeded": "test-result-failed",
  "budget-not-measured": "test-result-missing",
  "too-few-passed": "test-result-missing",
  "digest-not-proved": "test-result-missing",
};

/** A limit that only an emulated guest exceeded is not a failure of the image. */
const typeOf = ({ type, because }: RequirementEntry): string =>
  type === "budget-exceeded" && because === "cannot-tell" ? "test-result-errored" : types[type];

/** The answer, as indented JSON. */
export function greenwave(decision: Decision): string {
  const body = {
    policies_satisfied: decision.verdict === "PROMOTE",
    applicable_policies: [decision.policy.name],
    summary: summaryOf(decision),
    satisfied_requirements: decision.satisfied.map((entry) => requirement(entry, decision)),
    unsatisfied_requirements: decision.unsatisfied.map((entry) => requirement(entry, decision)),
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}

function requirement(entry: RequirementEntry, decision: Decision): GreenwaveRequirement {
  const type = typeOf(entry);
  const excused = entry.excuse === "waived" || entry.excuse === "known";
  const { about, candidates } = decision;
  const own = about?.kind === "base" ? about.digest : candidates[0]?.digest;
  const identifier = entry.image ?? own ?? "";
  return {
    type: excused
      ? `${type}-waived`
      : entry.excuse === "flaky-allowed"
        ? "test-result-passed"
        : type,
    testcase: `bootgate.${entry.scenario?.replaceAll("/", ".") ?? entry.type}`,
    subject_type: subjectType,
    subject_identifier: identifier,
    scenario: null,
    system_architecture: entry.architecture,
    system_variant: entry.firmware,
    ...(type === "test-result-errored" ? { error_reason: entry.reason } : {}),
  };
}

/** In Greenwave's own words (greenwave/policies.py, summarize_answers), with the image named. */
function summaryOf({ satisfied, unsatisfied, candidates, about }: Decision): string {
  const digest = about?.kind === "base" ? about.digest : candidates[0]?.digest;
  const image = digest === undefined || digest === null ? "" : ` for ${shortDigest(digest)}`;
  const total = satisfied.length + unsatisfied.length;
  const missing = unsatisfied.filter((one) => typeOf(one) === "test-result-missing").length;
  const errored = unsatisfied.filter((one) => typeOf(one) === "test-result-errored").length;
  const failed = unsatisfied.length - missing - errored;
  if (unsatisfied.length === 0) return `All required tests passed${image}`;
  const parts = [
    ...(failed > 0 ? [`${failed} ${failed === 1 ? "test" : "tests"} failed`] : []),
    ...(errored > 0 ? [`${errored} ${errored === 1 ? "test" : "tests"} errored`] : []),
    ...(missing > 0 ? [`${missing} ${missing === 1 ? "result" : "results"} missing`] : []),
  ];
  return `Of ${total} required ${total === 1 ? "test" : "tests"}, ${parts.join(", ")}${image}`;
}
