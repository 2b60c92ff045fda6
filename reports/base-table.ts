/**
 * What the images of a run have in common, for all reports: which failures are a base's, and which layers an image shares
 * with which. Null where one image was run, since there is nothing to compare.
 */
import { formatBytes } from "../harness/base/units.ts";
import { compareVariants } from "../harness/gate/variants/base-faults.ts";
import {
  faultDetails,
  faultHeadline,
  shortBaseWords,
} from "../harness/gate/variants/base-words.ts";
import type { Base } from "../harness/gate/variants/bases.ts";
import { type SharedRow, sharedLayersOf } from "../harness/gate/variants/shared-layers.ts";
import type { Variant } from "../harness/gate/variants/variants.ts";
import type { RunModel } from "../harness/log/model-schema.ts";

/** A failure that several variants have, in words. */
export interface FaultLines {
  readonly headline: string;
  readonly details: readonly (readonly [label: string, text: string])[];
}

/** An image, what it is based on, and what it shares; each a short line. */
export interface LayerRow {
  readonly image: string;
  readonly base: string;
  readonly size: string;
  readonly shares: string;
}

export interface BaseTable {
  readonly faults: readonly FaultLines[];
  readonly rows: readonly LayerRow[];
}

export const layerColumns = ["image", "based on", "layers", "shares with"] as const;

const cannotTell = "cannot tell";

/** Most that a reader wants; what is left out is counted. */
const maxFaults = 20;
const maxShares = 3;

export function baseTable(model: RunModel): BaseTable | null {
  const { variants: all, bases, faults } = compareVariants(model);
  if (all.length < 2) return null;
  const told = faults.slice(0, maxFaults).map((fault) => ({
    headline: faultHeadline(fault),
    details: faultDetails(fault),
  }));
  const left = faults.length - told.length;
  if (left > 0)
    told.push({ headline: `${left} more failures are alike in several images.`, details: [] });
  const isKnown = all.some(({ layers }) => layers !== null);
  const rows = isKnown ? sharedLayersOf(all).map((row) => layerRow(row, bases, all)) : [];
  return { faults: told, rows };
}

function layerRow(
  { variant, own, shares }: SharedRow,
  bases: readonly Base[],
  all: readonly Variant[],
): LayerRow {
  const architectures = new Set(all.map(({ architecture }) => architecture));
  const nameOf = ({ name, architecture }: Variant): string =>
    architectures.size > 1 ? `${name} ${architecture}` : name;
  const words = shares
    .slice(0, maxShares)
    .map(({ other, layers, bytes }) => `${nameOf(other)} ${formatBytes(bytes)} (${layers})`);
  const rest = shares.length - words.length;
  return {
    image: nameOf(variant),
    base: baseOf(variant, bases),
    size: own === null ? cannotTell : `${formatBytes(own.bytes)} (${own.layers})`,
    shares:
      own === null
        ? cannotTell
        : words.length === 0
          ? "none"
          : words.join(", ") + (rest > 0 ? ` and ${rest} more` : ""),
  };
}

/** The nearest base that another image of the run has too, else what the image says itself. */
function baseOf(variant: Variant, bases: readonly Base[]): string {
  const mine = bases.filter(
    ({ members, tested }) => members.includes(variant) && tested !== variant,
  );
  const nearest = mine.at(-1);
  if (nearest !== undefined) return shortBaseWords(nearest);
  const [claim] = variant.layers?.claims ?? [];
  if (claim === undefined) return cannotTell;
  return shortBaseWords({
    ...{ members: [variant], architecture: variant.architecture, tested: null },
    ...{ name: claim.name ?? null, digest: claim.digest, commit: variant.layers?.commit ?? null },
    ...{ layers: null, version: null, revision: null },
  });
}
