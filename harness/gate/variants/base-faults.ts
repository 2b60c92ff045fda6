/**
 * Whether what variants fail is their base's fault. Only variants that failed in the same step with the same words are
 * compared, scenario by scenario on equal machines; what broke, was skipped or failed in another way is named and counts
 * for neither side.
 */
import type { JobModel } from "../../log/model-schema.ts";
import { placeParts } from "../../log/place-parts.ts";
import { standingOf } from "../../log/run-model.ts";
import { type Base, basesOf, tellsBase } from "./bases.ts";
import { type Failure, failureOf } from "./same-failure.ts";
import { type Variant, type VariantFacts, type Variants, variantsOf } from "./variants.ts";

/**
 * base: all that fail share it and none of it passes · not-alone: some of it pass · not-base: they do not share one ·
 * cannot-tell: nothing says of one that fails what it is based on.
 */
export type BaseBlame = "base" | "not-alone" | "not-base" | "cannot-tell";

/** A variant that does not fail with the others. */
export interface OtherVariant {
  readonly variant: Variant;
  /** How it stands: passed, failed in another way, broken … */
  readonly stands: "passed" | "failed otherwise" | "broken" | "flaky" | "skipped" | "not run";
  /** In the base, of another, or nothing tells. */
  readonly of: "this" | "another" | "unknown";
}

export interface BaseFault extends Failure {
  readonly blame: BaseBlame;
  /** What those that fail share; null where they do not share one. */
  readonly base: Base | null;
  readonly failing: readonly Variant[];
  readonly others: readonly OtherVariant[];
  /** The scenarios, each with its machine and way of installing. */
  readonly where: readonly { readonly scenario: string; readonly place: string }[];
  /** Jobs that fail so, by id. */
  readonly jobs: readonly string[];
}

/** The variants of runs side by side. */
export interface Compared {
  readonly variants: readonly Variant[];
  /** The nearest last. */
  readonly bases: readonly Base[];
  /** What of the failures is a base's, or looks like it; none where fewer than two variants fail alike. */
  readonly faults: readonly BaseFault[];
}

export function compareVariants(facts: VariantFacts): Compared {
  const variants = variantsOf(facts);
  const bases = basesOf(variants.all);
  return { variants: variants.all, bases, faults: faultsOf(facts, variants, bases) };
}

function faultsOf(facts: VariantFacts, variants: Variants, bases: readonly Base[]): BaseFault[] {
  if (variants.all.length < 2) return [];
  const found = new Map<string, BaseFault>();
  for (const unit of unitsOf(facts.jobs, variants))
    for (const fault of faultsOfUnit(unit, bases)) {
      const key = JSON.stringify([
        ...[fault.blame, fault.step, fault.words, fault.base?.members.map(({ digest }) => digest)],
        fault.failing.map(({ digest }) => digest),
        fault.others.map(({ variant, stands }) => [variant.digest, stands]),
      ]);
      const same = found.get(key);
      found.set(
        key,
        same === undefined
          ? fault
          : {
              ...same,
              where: [...same.where, ...fault.where],
              jobs: [...same.jobs, ...fault.jobs],
            },
      );
    }
  return [...found.values()];
}

/** A scenario on one kind of machine in one way of installing: what is compared between variants. */
interface Unit {
  readonly scenario: string;
  readonly place: string;
  readonly jobs: ReadonlyMap<Variant, readonly JobModel[]>;
}

function unitsOf(jobs: readonly JobModel[], variants: Variants): Unit[] {
  const units = new Map<string, Unit & { readonly jobs: Map<Variant, JobModel[]> }>();
  for (const job of jobs) {
    const variant = variants.of(job);
    if (variant === undefined) continue;
    const place = [...placeParts(job.machine), job.cell?.disk ?? ""].join(" ").trim();
    const key = JSON.stringify([job.scenario, place]);
    const unit = units.get(key) ?? { scenario: job.scenario, place, jobs: new Map() };
    unit.jobs.set(variant, [...(unit.jobs.get(variant) ?? []), job]);
    units.set(key, unit);
  }
  return [...units.values()];
}

function faultsOfUnit(unit: Unit, bases: readonly Base[]): BaseFault[] {
  const alike = new Map<string, { failure: Failure; failing: Variant[] }>();
  for (const [variant, jobs] of unit.jobs) {
    const failures = jobs.map(failureOf);
    const [failure] = failures;
    const key = JSON.stringify(failure);
    if (failure === undefined || failure === null) continue;
    if (failures.some((one) => JSON.stringify(one) !== key)) continue;
    const group = alike.get(key) ?? { failure, failing: [] };
    group.failing.push(variant);
    alike.set(key, group);
  }
  return [...alike.values()]
    .filter(({ failing }) => failing.length > 1)
    .map(({ failure, failing }) => faultOf(unit, failure, failing, bases));
}

function faultOf(
  unit: Unit,
  failure: Failure,
  failing: readonly Variant[],
  bases: readonly Base[],
): BaseFault {
  const shared = bases.filter(({ members }) => failing.every((one) => members.includes(one)));
  const passes = (variant: Variant): boolean => standsOf(unit, variant) === "passed";
  const isClean = ({ members }: Base): boolean =>
    !members.some((one) => unit.jobs.has(one) && passes(one));
  const clean = shared.filter(isClean).at(-1);
  const base = clean ?? shared.at(-1) ?? null;
  const isUnknown = (one: Variant): boolean => !tellsBase(one, bases);
  const blame =
    clean !== undefined
      ? "base"
      : base !== null
        ? "not-alone"
        : failing.some(isUnknown)
          ? "cannot-tell"
          : "not-base";
  const others = [...unit.jobs.keys()]
    .filter((one) => !failing.includes(one))
    .map((variant) => ({
      variant,
      stands: standsOf(unit, variant),
      of:
        base?.members.includes(variant) === true
          ? ("this" as const)
          : isUnknown(variant)
            ? ("unknown" as const)
            : ("another" as const),
    }));
  return {
    ...failure,
    ...{ blame, base, failing, others },
    where: [{ scenario: unit.scenario, place: unit.place }],
    jobs: failing.flatMap((one) => (unit.jobs.get(one) ?? []).map(({ id }) => id)),
  };
}

/** The worst of its jobs: one that passed beside another that did not shows nothing. */
function standsOf({ jobs }: Unit, variant: Variant): OtherVariant["stands"] {
  const standings = new Set((jobs.get(variant) ?? []).map(standingOf));
  for (const [standing, word] of [
    ["failed", "failed otherwise"],
    ["broken", "broken"],
    ["flaky", "flaky"],
    ["passed", "passed"],
    ["skipped", "skipped"],
  ] as const)
    if (standings.has(standing)) return word;
  return "not run";
}
