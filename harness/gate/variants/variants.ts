/**
 * The candidates of a run as variants that may share a base. One image under two names, or on two disks, is one variant:
 * that it fails as itself does says nothing about a base.
 */
import { oneLine } from "../../log/clean-text.ts";
import type { ImageLayers } from "../../log/events.ts";
import type { JobModel, RunModel } from "../../log/model-schema.ts";

export interface Variant {
  /** The image's label in its matrix, outside of one its name; one short line. */
  readonly name: string;
  readonly architecture: string;
  readonly digest: string;
  /** Of the index that it was found by. */
  readonly index?: string | undefined;
  /** Null: nothing tells of which layers it is. */
  readonly layers: ImageLayers | null;
}

export interface Variants {
  readonly all: readonly Variant[];
  /** The variant of a job; undefined for a job without a candidate. */
  of(job: JobModel): Variant | undefined;
}

/** More than these are not compared: the work grows with their square, and a log may come from anywhere. */
const maxVariants = 200;

/** What runs have of images and jobs: those of a model, or of several together. */
export type VariantFacts = Pick<RunModel, "jobs" | "imageLayers">;

/** The variants in the order of their jobs; none where there are more than a matrix has. */
export function variantsOf({ jobs, imageLayers = [] }: VariantFacts): Variants {
  const layers = new Map(imageLayers.map((one) => [one.digest, one]));
  const found = new Map<string, Variant>();
  for (const { cell, images } of jobs) {
    const { candidate } = images;
    if (candidate === undefined) continue;
    const { name, digest, architecture, index } = candidate;
    const key = `${architecture} ${digest}`;
    const was = found.get(key);
    // A job that was repeated alone has no label, and is the same image.
    if (was !== undefined && (was.name !== oneLine(name, 60) || cell === undefined)) continue;
    found.set(key, {
      name: oneLine(cell?.image ?? name, 60),
      ...{ architecture, digest, index },
      layers: layers.get(digest) ?? null,
    });
  }
  const all = found.size > maxVariants ? [] : [...found.values()];
  const byKey = all.length === 0 ? new Map<string, Variant>() : found;
  return {
    all,
    of: ({ images: { candidate } }) =>
      candidate === undefined
        ? undefined
        : byKey.get(`${candidate.architecture} ${candidate.digest}`),
  };
}
