/**
 * The decision about a base that several variants share, by what they show of it. It is held where they prove it to be at
 * fault, promoted where each required scenario passed on one of them, and else nothing tells. It moves no tag: what was
 * booted is its variants, and the base itself, where it was run, has a decision of its own as one of them.
 */

import { oneLine } from "../../log/clean-text.ts";
import { placeParts } from "../../log/place-parts.ts";
import { deviationsOf } from "../policy/deviations.ts";
import { cellsOf, policyDigest } from "../policy/policy.ts";
import type { BaseFault } from "../variants/base-faults.ts";
import { faultHeadline, shortBaseWords } from "../variants/base-words.ts";
import type { Base } from "../variants/bases.ts";
import { type Decision, decisionVersion, type RequirementEntry } from "./decision.ts";
import { countsOf, excusesOf, flakyEntry, machinesOf, notesOf } from "./decision-facts.ts";
import { deviationEntry, general, inOrder, stoppedRuns, tidy, verdictOf } from "./entries.ts";
import { candidatesOf, type GatedJob, type JudgedRun, mergeJobs } from "./gated-jobs.ts";
import { concerns, isIn, type JudgedEntry, judgeCell } from "./judge-cell.ts";
import type { DecideOptions } from "./verdict.ts";

/** `runs` have the jobs of its variants alone; `faults` are those of all variants. */
export function decideBase(
  base: Base,
  faults: readonly BaseFault[],
  { runs, policy, known, now }: DecideOptions,
): Decision {
  const candidates = candidatesOf(runs);
  const jobs = mergeJobs(runs);
  const cells = cellsOf(policy).filter((cell) => candidates.some((one) => concerns(cell, one)));
  const judged = cells.flatMap((cell) => judgeCell(cell, { policy, known, candidates, jobs, now }));
  const required = jobs.filter(({ job }) => cells.some((cell) => isIn(cell, job)));
  const units = unitsOf(judged).map((unit) => entryOf(unit, base, faults));
  const deviations = deviationsOf(required, policy);
  const entries = [
    ...units,
    ...deviations.filter(({ allowed }) => !allowed).map(deviationEntry),
    ...(units.some(({ type }) => type === "test-result-passed") ? [] : [nothingPassed]),
    ...stoppedRuns(runs),
  ].map(tidy);
  const unsatisfied = inOrder(entries.filter(({ because }) => because !== null));
  const satisfied = entries.filter(({ because }) => because === null);
  return {
    version: decisionVersion,
    about: {
      kind: "base",
      ...{
        name: base.name === null ? null : oneLine(base.name, 200),
        digest: base.digest,
        commit: base.commit,
      },
      variants: base.members.map(({ name }) => name),
    },
    ...verdictOf(unsatisfied, satisfied),
    decidedAt: now.toISOString(),
    harness: runs[0]?.model.harness ?? "",
    policy: { name: oneLine(policy.name), digest: policyDigest(policy) },
    candidates: [...candidates],
    machines: machinesOf(required),
    runs: runs.map(judgedRunOf),
    counts: { required: cells.length, ...countsOf(required) },
    ...{ satisfied, unsatisfied },
    ...excusesOf(judged),
    flaky: required.filter(({ job }) => job.flaky).map(({ job }) => flakyEntry(job)),
    deviations,
    budgets: [],
    notes: notesOf(runs, jobs, new Set<GatedJob>(required), []),
  };
}

const judgedRunOf = ({ model, eventsDigest }: JudgedRun): Decision["runs"][number] => ({
  run: model.run,
  startedAt: model.startedAt,
  stopped: model.stopped,
  events: eventsDigest,
});

const nothingPassed: RequirementEntry = {
  ...general,
  type: "too-few-passed",
  because: "cannot-tell",
  reason: "nothing that is required passed on any variant of the base, so nothing is proved of it",
};

/** A required scenario on one kind of machine in one way of installing: the same question to each variant. */
function unitsOf(judged: readonly JudgedEntry[]): JudgedEntry[][] {
  const units = new Map<string, JudgedEntry[]>();
  for (const one of judged) {
    const { entry, job } = one;
    const place =
      job === null
        ? [entry.architecture, entry.firmware]
        : [...placeParts(job.machine), job.cell?.disk];
    const key = JSON.stringify([entry.scenario, place]);
    const unit = units.get(key) ?? [];
    // A job in two overlapping points of the policy is one.
    if (!unit.some((other) => other.job === job && other.entry.image === entry.image))
      unit.push(one);
    units.set(key, unit);
  }
  return [...units.values()];
}

function entryOf(
  unit: readonly JudgedEntry[],
  base: Base,
  faults: readonly BaseFault[],
): RequirementEntry {
  const entries = unit.map(({ entry }) => entry);
  const [first] = entries;
  if (first === undefined) return nothingPassed;
  const { scenario, architecture, firmware } = first;
  const common = { ...general, scenario, architecture, firmware };
  const where = [scenario, architecture, firmware].filter((word) => word !== null).join(" ");
  const passed = entries.filter(({ type }) => type === "test-result-passed").length;
  if (passed > 0)
    return {
      ...common,
      type: "test-result-passed",
      because: null,
      reason: `${where} passed on ${passed} of the ${entries.length} variants of the base`,
    };
  const held = unit.filter(({ entry }) => entry.because !== null);
  if (held.length === 0)
    return {
      ...common,
      type: first.type,
      excuse: first.excuse,
      because: null,
      reason: first.reason,
    };
  const ids = new Set(held.map(({ job }) => job?.id));
  const fault = faults.find(
    (one) => one.blame === "base" && isSame(one.base, base) && one.jobs.some((id) => ids.has(id)),
  );
  if (fault !== undefined)
    return {
      ...common,
      type: "test-result-failed",
      because: "image",
      reason: `${where}: ${faultHeadline(fault)} ${fault.words}`,
    };
  return {
    ...common,
    type: "test-result-errored",
    because: "cannot-tell",
    reason: `${where} passed on no variant of the base, and nothing shows that it is the base's fault: ${held[0]?.entry.reason ?? ""}`,
  };
}

const isSame = (one: Base | null, other: Base): boolean =>
  one !== null &&
  one.members.length === other.members.length &&
  one.members.every(({ digest }, at) => digest === other.members[at]?.digest);

/** What a base is called where there is room for a line. */
export const baseName = (base: Base): string => oneLine(shortBaseWords(base), 200);
