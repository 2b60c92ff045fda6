/**
 * The policy against itself and against the scenarios, before anything boots: a gate that can never pass, or that
 * passes what it was meant to hold, is an error of the policy and not a verdict about the image.
 */
import { UsageError } from "../../base/errors.ts";
import type { KnownFailures } from "../known/known-failures.ts";
import { isForEver, maxExcuseDays } from "./dates.ts";
import {
  type BudgetName,
  budgetMeasures,
  type Cell,
  cellsOf,
  machineKinds,
  type Policy,
  type Waiver,
} from "./policy.ts";
import { type CandidateFacts, fits, type SkipContext, skippedCells } from "./skipped-cells.ts";
import { matchesWildcard } from "./wildcard.ts";

export type { CandidateFacts, MachineFacts, ScenarioFacts } from "./skipped-cells.ts";

export interface PolicyContext extends SkipContext {
  /** The images that names in the policy are checked against; empty: none are known yet. */
  readonly images: readonly CandidateFacts[];
  readonly now: Date;
  /** The known word that a mistyped one is closest to, or null. */
  readonly nearest: (word: string, among: readonly string[]) => string | null;
}

const firmwareKinds = 3;
const architectureKinds = 2;

/** Throws one UsageError that lists everything that is wrong; `name` is the file, for its first line. */
export function checkPolicy(policy: Policy, context: PolicyContext, name = "The policy"): void {
  const cells = cellsOf(policy);
  const wrong = [
    ...unknownScenarios(
      cells.map(({ scenario }) => scenario),
      "required",
      context,
    ),
    ...unknownImages(cells, context),
    ...skippedCells(cells, context),
    ...waiverFaults(policy, cells, context),
    ...ruleFaults(policy, cells, context),
    ...bareDisks(policy, context),
    ...unmeasuredBudgets(policy, cells, context),
  ];
  throwAll(name, wrong);
}

/** The same for the list of known failures. One that has expired is not an error here: it holds, and the verdict says so. */
export function checkKnown(
  known: KnownFailures,
  context: Pick<PolicyContext, "scenarios" | "now" | "nearest">,
  name = "The list of known failures",
): void {
  const wrong = [
    ...unknownScenarios(
      known.failures.map(({ scenario }) => scenario),
      "known to fail",
      context,
    ),
    ...known.failures
      .filter(({ until }) => isForEver(until, context.now))
      .map(
        ({ scenario, until }) =>
          `'${scenario}' is excused until ${until}: more than ${maxExcuseDays} days is without end`,
      ),
    ...doubles(known.failures.map(({ scenario, step, pattern }) => [scenario, step, pattern])),
  ];
  throwAll(name, wrong);
}

function throwAll(name: string, wrong: readonly string[]): void {
  if (wrong.length === 0) return;
  const count = wrong.length === 1 ? "one thing" : `${wrong.length} things`;
  throw new UsageError(
    `${name} cannot be used, ${count} in it can never be right:\n${wrong.map((line) => `  - ${line}`).join("\n")}`,
  );
}

function doubles(keys: readonly (readonly (string | undefined)[])[]): string[] {
  const seen = new Set<string>();
  return keys.flatMap((key) => {
    const text = JSON.stringify(key);
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [`'${key[0]}' with the pattern '${key.at(-1)}' is listed twice`];
  });
}

function unknownScenarios(
  names: readonly string[],
  role: string,
  { scenarios, nearest }: Pick<PolicyContext, "scenarios" | "nearest">,
): string[] {
  const ids = scenarios.map(({ id }) => id);
  return [...new Set(names)]
    .filter((name) => !ids.includes(name))
    .map((name) => {
      const near = nearest(name, ids);
      const hint = near === null ? "" : `; did you mean '${near}'?`;
      return `'${name}' is ${role} and there is no such scenario${hint}`;
    });
}

/**
 * Names of images where none of them is an image of this run. A run is one of several where a policy is about several
 * images, so a name that only others have is not a fault: if nobody runs it, the verdict holds.
 */
function unknownImages(cells: readonly Cell[], { images, nearest }: PolicyContext): string[] {
  const names = images.map((image) => image.name);
  const isHere = ({ image }: Cell): boolean =>
    image === null || names.some((name) => matchesWildcard(image, name));
  if (images.length === 0 || cells.some(isHere)) return [];
  return [...new Set(cells.flatMap(({ image }) => image ?? []))].map((pattern) => {
    const near = nearest(pattern, names);
    const hint = near === null ? "" : `; did you mean '${near}'?`;
    return `the image '${pattern}' is required and this run has ${names.join(", ")}${hint}`;
  });
}

function waiverFaults(policy: Policy, cells: readonly Cell[], context: PolicyContext): string[] {
  return policy.waivers.flatMap((waiver) => {
    const what = `the waiver of '${waiver.scenario}' by ${waiver.by}`;
    return [
      ...(isForEver(waiver.until, context.now)
        ? [`${what} lasts until ${waiver.until}: more than ${maxExcuseDays} days is without end`]
        : []),
      ...(cells.some((cell) => touches(waiver, cell))
        ? []
        : [`${what} is for something that is not required`]),
    ];
  });
}

/** An image that both could mean. Of two patterns only what is sure counts: that one takes the other as a word. */
const mayMeanTheSame = (one: string, other: string): boolean =>
  matchesWildcard(one, other) || matchesWildcard(other, one);

function touches(waiver: Waiver, cell: Cell): boolean {
  const image = cell.image;
  const shares = (list: readonly string[] | undefined, value: string | null): boolean =>
    list === undefined || value === null || list.includes(value);
  return (
    waiver.scenario === cell.scenario &&
    shares(waiver.architectures, cell.architecture) &&
    shares(waiver.firmware, cell.firmware) &&
    shares(waiver.machines, cell.machine) &&
    (waiver.images === undefined ||
      image === null ||
      waiver.images.some((name) => mayMeanTheSame(name, image)))
  );
}

/** Budgets for what no required scenario measures. Boots are always measured, by `--cold` if by nothing else. */
function unmeasuredBudgets(
  { budgets }: Policy,
  cells: readonly Cell[],
  { scenarios }: PolicyContext,
): string[] {
  const required = new Set(cells.map(({ scenario }) => scenario));
  const taken = new Set(
    scenarios.filter(({ id }) => required.has(id)).flatMap((scenario) => scenario.measures ?? []),
  );
  return (Object.keys(budgets) as BudgetName[])
    .filter((name) => name !== "boot" && !taken.has(budgetMeasures[name]))
    .map((name) => {
      const able = scenarios.filter(({ measures = [] }) => measures.includes(budgetMeasures[name]));
      const hint =
        able.length === 0
          ? "no scenario measures it yet"
          : `require one of ${able.map(({ id }) => id).join(", ")}`;
      return `the budget '${name}' is for what no required scenario measures; ${hint}`;
    });
}

function ruleFaults(policy: Policy, cells: readonly Cell[], context: PolicyContext): string[] {
  const most = cells.reduce((sum, cell) => sum + mostJobs(cell, context), 0);
  const ratios = Object.entries(policy.budgets).filter(([, budget]) => (budget?.ratio ?? 1) < 1);
  return [
    ...(policy.minimumPassed > most
      ? [`${policy.minimumPassed} jobs must pass and at most ${most} are required`]
      : []),
    ...ratios.map(
      ([name, budget]) =>
        `the budget '${name}' has the ratio ${budget?.ratio}: each image would have to beat the last one`,
    ),
    ...policy.deviations.allow
      .filter((id) => matchesWildcard(id, "simulated"))
      .map((id) => `the deviation '${id}' allows a simulated guest, on which no image boots`),
  ];
}

/** A disk alone can never prove which image it holds. */
const bareDisks = ({ digests }: Policy, { images }: PolicyContext): string[] =>
  images.flatMap(({ name, hasOci }) =>
    digests === "proved" && hasOci === false
      ? [`of '${name}' only the disk is given, and digests have to be proved (--candidate-oci)`]
      : [],
  );

/** A cell that leaves something open may stand for several jobs: one an image, firmware and kind of machine. */
function mostJobs(cell: Cell, { scenarios, images }: PolicyContext): number {
  const { needs } = scenarios.find(({ id }) => id === cell.scenario) ?? {};
  const kinds = cell.machine === null ? machineKinds.length : 1;
  const firmware =
    (cell.firmware === null ? (needs?.firmware?.length ?? firmwareKinds) : 1) * kinds;
  if (images.length > 0)
    return firmware * Math.max(1, images.filter((image) => fits(cell, image)).length);
  return firmware * (cell.architecture === null ? architectureKinds : 1);
}
