/**
 * The decision about a base that several variants share, by what they show of it. It is held where they prove it to be at
 * fault, promoted where each required scenario passed on one of them, and else nothing tells. It moves no tag: what was
 * booted is its variants, and the base itself, where it was run, has a decision of its own as one of them.
 */
import { groupBy } from "../../base/group-by.ts";
import { oneLine } from "../../log/clean-text.ts";
import { placeParts } from "../../log/place-parts.ts";
import { type Cell, cellsOf } from "../policy/policy.ts";
import type { BaseFault } from "../variants/base-faults.ts";
import { faultHeadline, shortBaseWords } from "../variants/base-words.ts";
import type { Base } from "../variants/bases.ts";
import { assemble, distinct } from "./assemble.ts";
import type { Decision, RequirementEntry } from "./decision.ts";
import { general } from "./entries.ts";
import { candidatesOf, mergeJobs } from "./gated-jobs.ts";
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
  const points = cells.map((cell) => ({
    cell,
    judged: judgeCell(cell, { policy, known, candidates, jobs, now }),
  }));
  const units = unitsOf(points).map((unit) => entryOf(unit, base, faults));
  return assemble({
    about: {
      kind: "base",
      ...{
        name: base.name === null ? null : oneLine(base.name, 200),
        digest: base.digest,
        commit: base.commit,
      },
      variants: base.members.map(({ name }) => name),
    },
    ...{ runs, policy, now, candidates, jobs },
    required: jobs.filter(({ job }) => cells.some((cell) => isIn(cell, job))),
    points: cells.length,
    judged: distinct(points.flatMap(({ judged }) => judged)),
    budgets: [],
    entries: [
      ...units,
      ...(units.some(({ type }) => type === "test-result-passed") ? [] : [nothingPassed]),
    ],
  });
}

const nothingPassed: RequirementEntry = {
  ...general,
  type: "too-few-passed",
  because: "cannot-tell",
  reason: "nothing that is required passed on any variant of the base, so nothing is proved of it",
};

/** A point of the policy with what was judged of it. */
interface Point {
  readonly cell: Cell;
  readonly judged: readonly JudgedEntry[];
}

/** A required scenario on one kind of machine in one way of installing: the same question to each variant. */
function unitsOf(points: readonly Point[]): JudgedEntry[][] {
  const asked = points.flatMap(({ cell, judged }) => judged.map((one) => ({ cell, one })));
  // By what is asked, whichever variant a point names: what one was not asked, another may have answered.
  const questions = groupBy(asked, ({ cell: { firmware, machine }, one: { entry } }) =>
    JSON.stringify([entry.scenario, entry.architecture, firmware, machine]),
  );
  const answers = [...questions.values()].flatMap((question) => {
    const judged = question.map(({ one }) => one);
    const ran = judged.filter(({ job }) => job !== null);
    return ran.length > 0 ? ran : judged;
  });
  return [...groupBy(answers, placeOf).values()].map(distinct);
}

const placeOf = ({ entry, job }: JudgedEntry): string => {
  const place =
    job === null
      ? [entry.architecture, entry.firmware]
      : [...placeParts(job.machine), job.cell?.disk];
  return JSON.stringify([entry.scenario, place]);
};

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
