/**
 * Required cells that every run like this one would skip: what the planner would say of each, told before anything
 * boots. What is not known (no image named yet, no machine opened yet) is not a reason.
 */
import { type Cell, cellWords } from "./policy.ts";
import { matchesWildcard } from "./wildcard.ts";

/** What of a scenario decides whether it runs; `LoadedScenario` gives all of it. */
export interface ScenarioFacts {
  readonly id: string;
  readonly needs: {
    readonly images: readonly string[];
    readonly boots?: readonly string[];
    readonly publishes?: readonly string[];
    readonly from?: string;
    readonly firmware?: readonly string[];
    readonly capabilities?: readonly string[];
    readonly architectures?: readonly string[];
    readonly blankDisksMiB?: readonly number[];
    readonly diskBus?: string;
    readonly tpm?: boolean;
    readonly promises?: readonly string[];
  };
  /** Names of measures that playing it takes. */
  readonly measures?: readonly string[];
}

/** A candidate that the gate is about. */
export interface CandidateFacts {
  readonly name: string;
  readonly architecture: string;
  /** Whether an installed disk, and whether an OCI image, is at hand; undefined: not known. */
  readonly hasDisk?: boolean;
  readonly hasOci?: boolean;
  /** What the catalogue knows it not to promise; undefined: nothing is known. */
  readonly lacks?: readonly string[];
  /** Bytes of a sector of its disk; undefined: not known, or there is no disk. */
  readonly sectorBytes?: number;
}

/** A kind of machine that the run has. */
export interface MachineFacts {
  readonly driver: string;
  readonly capabilities: ReadonlySet<string>;
  /** Sizes of a disk's sectors that its machines can have. */
  readonly sectorBytes: readonly number[];
}

/** What a cell is looked at against. */
export interface SkipContext {
  readonly scenarios: readonly ScenarioFacts[];
  readonly images: readonly CandidateFacts[];
  /** The kinds of machine of this run; empty: none are known yet. */
  readonly machines?: readonly MachineFacts[];
}

/** Whether an image can be what a cell is about. */
export const fits = (cell: Cell, image: CandidateFacts): boolean =>
  (cell.image === null || matchesWildcard(cell.image, image.name)) &&
  (cell.architecture === null || cell.architecture === image.architecture);

/** One line for each cell that is skipped on every image. */
export function skippedCells(cells: readonly Cell[], context: SkipContext): string[] {
  return cells.flatMap((cell) => {
    const scenario = context.scenarios.find(({ id }) => id === cell.scenario);
    const why = scenario === undefined ? null : whyAlwaysSkipped(cell, scenario, context);
    return why === null
      ? []
      : [`'${cellWords(cell)}' is required and is skipped on every image: ${why}`];
  });
}

/** Mirrors the planner's reasons to skip; null when at least one image could run it, or when none is known. */
function whyAlwaysSkipped(
  cell: Cell,
  { needs }: ScenarioFacts,
  { images, machines = [] }: SkipContext,
): string | null {
  const kinds = machines.filter(({ driver }) => cell.machine === null || cell.machine === driver);
  const moreDisks = (needs.blankDisksMiB ?? []).length > 0 ? ["more-disks"] : [];
  const bus = needs.diskBus === undefined ? [] : ["disk-bus"];
  const tpm = needs.tpm === true ? ["tpm"] : [];
  const serves = (needs.publishes ?? []).length > 0 || (needs.from ?? "booted") !== "booted";
  const capabilities = [...(needs.capabilities ?? []), ...(serves ? ["services"] : [])];
  const lacking = whatAllLack([...new Set(capabilities), ...moreDisks, ...bus, ...tpm], kinds);
  if (lacking !== null) return lacking;
  const { architectures } = needs;
  if (architectures !== undefined && cell.architecture !== null)
    if (!architectures.includes(cell.architecture))
      return `the scenario is about ${architectures.join(" or ")}`;
  if (needs.firmware !== undefined && cell.firmware !== null) {
    if (!needs.firmware.includes(cell.firmware))
      return `the scenario is about ${needs.firmware.join(" or ")} firmware`;
  }
  if (images.length === 0 || !needs.images.includes("candidate")) return null;
  const named = images.filter(
    ({ name }) => cell.image === null || matchesWildcard(cell.image, name),
  );
  if (named.length === 0) return null;
  const possible = named.filter((image) => fits(cell, image));
  if (possible.length === 0) return `no image is for ${cell.architecture}`;
  const promises = needs.promises ?? [];
  if (possible.every(({ lacks = [] }) => promises.some((one) => lacks.includes(one))))
    return `no image promises ${promises.join(" and ")}`;
  const boots = (needs.boots ?? needs.images).includes("candidate");
  const publishes = (needs.publishes ?? []).includes("candidate");
  if (boots && possible.every(({ hasDisk }) => hasDisk === false))
    return "no image has an installed disk to boot";
  if (publishes && possible.every(({ hasOci }) => hasOci === false))
    return "no image has an OCI image that a registry could serve";
  return boots ? noMachineHasSectors(possible, kinds) : null;
}

function whatAllLack(
  capabilities: readonly string[],
  kinds: readonly MachineFacts[],
): string | null {
  const isAble = (kind: MachineFacts): boolean =>
    capabilities.every((one) => kind.capabilities.has(one));
  if (kinds.length === 0 || kinds.some(isAble)) return null;
  return `it needs a machine with ${capabilities.join(" and ")}, and ${kindWords(kinds)} machines lack it`;
}

/** No kind of machine can have the disk of any of the images. */
function noMachineHasSectors(
  images: readonly CandidateFacts[],
  kinds: readonly MachineFacts[],
): string | null {
  const canHave = ({ sectorBytes }: CandidateFacts): boolean =>
    sectorBytes === undefined || kinds.some((kind) => kind.sectorBytes.includes(sectorBytes));
  if (kinds.length === 0 || images.some(canHave)) return null;
  const sizes = [...new Set(images.map(({ sectorBytes }) => sectorBytes))].join(" and ");
  return `the disk has sectors of ${sizes} bytes, which ${kindWords(kinds)} machines cannot have`;
}

const kindWords = (kinds: readonly MachineFacts[]): string =>
  [...new Set(kinds.map(({ driver }) => `'${driver}'`))].join(" and ");
