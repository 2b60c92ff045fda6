/** Runs of variants that share bases: each job is one word, each image a list of layers. */
import type { ImageLayers, JobFacts, RunEvent } from "../../harness/log/events.ts";
import type { RunModel } from "../../harness/log/model-schema.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { diffIdOf, digestOfText } from "../contract/support/layered-layout.ts";
import { at, ended, jobFacts, runStarted, started, step } from "./report-events.ts";

export interface VariantImage {
  /** Words, the lowest layer first; left out: nothing tells of which it is. */
  readonly layers?: readonly string[];
  readonly more?: Partial<ImageLayers>;
  /** How each scenario ended: `passed`, `broken`, `skipped`, or the words of its failure. */
  readonly fates: Readonly<Record<string, string>>;
}

export const imageDigest = (label: string): string => digestOfText(`image ${label}`);

export function layersOf(label: string, words: readonly string[], more = {}): ImageLayers {
  return {
    digest: imageDigest(label),
    layers: words.map((word) => ({
      diffId: diffIdOf(word),
      digest: digestOfText(word),
      size: 1024 * 1024 * word.length,
    })),
    whole: 0,
    claims: [],
    ...more,
  };
}

const errorOf = (type: string, headline: string) => ({ type, headline, message: headline });

function eventsOf(id: string, from: number, fate: string): RunEvent[] {
  const claim = "the system is up";
  if (fate === "not-run") return [];
  if (fate === "skipped")
    return [ended(id, from, from, { kind: "skipped", reason: "it has no disk" })];
  const outcome =
    fate === "passed"
      ? ({ kind: "passed" } as const)
      : fate === "broken"
        ? ({ kind: "broken", error: errorOf("HostUnfit", "The host is full.") } as const)
        : ({ kind: "failed", error: errorOf("ExpectationFailed", fate) } as const);
  return [
    started(id, from),
    ...step(id, from, 9, claim, outcome),
    ended(id, from, from + 10, outcome),
  ];
}

/** The events of a run of a matrix; labels are the keys. */
export function variantEvents(images: Readonly<Record<string, VariantImage>>): RunEvent[] {
  const planned = Object.entries(images).flatMap(([label, { fates }]) =>
    Object.entries(fates).map(([scenario, fate]) => ({ label, scenario, fate })),
  );
  const jobs: JobFacts[] = planned.map(({ label, scenario }) =>
    jobFacts(scenario, {
      id: `${scenario}@qemu-x86_64-uefi+${label}`,
      cell: { image: label },
      images: {
        candidate: {
          name: `registry.example/${label}:44`,
          digest: imageDigest(label),
          architecture: "x86_64",
          standIns: [],
        },
      },
    }),
  );
  const layers = Object.entries(images).flatMap(([label, { layers: words, more }]): RunEvent[] =>
    words === undefined
      ? []
      : [{ type: "image-layers", at: at(0), image: layersOf(label, words, more) }],
  );
  const events = planned.flatMap(({ fate }, place) =>
    eventsOf(jobs[place]?.id ?? "", place * 30, fate),
  );
  return [runStarted(jobs), ...layers, ...events, { type: "run-ended", at: at(7200) }];
}

export const variantRun = (images: Readonly<Record<string, VariantImage>>): RunModel =>
  foldRun(variantEvents(images));
