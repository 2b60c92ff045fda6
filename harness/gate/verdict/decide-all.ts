/**
 * The decision about all that runs have, and of a matrix one for each variant and for each base that variants share, so that
 * one variant can be promoted while another is held. All are by one policy and of the same logs.
 */
import { oneLine } from "../../log/clean-text.ts";
import type { JobModel } from "../../log/model-schema.ts";
import type { Cell } from "../policy/policy.ts";
import { matchesWildcard } from "../policy/wildcard.ts";
import { compareVariants } from "../variants/base-faults.ts";
import { baseName, decideBase } from "./decide-base.ts";
import type { Decision, DecisionPart } from "./decision.ts";
import { decisionFile } from "./decision.ts";
import { candidatesOf, type JudgedRun, keyOf, mergeJobs } from "./gated-jobs.ts";
import { concerns } from "./judge-cell.ts";
import { type DecideOptions, decide } from "./verdict.ts";

/** The folder of the parts' decisions, beside the decision about all. */
export const partsFolder = "decisions";

export interface DecidedPart {
  readonly decision: Decision;
  /** Where its files go, below the folder of the decision about all. */
  readonly folder: string;
}

export interface Decided {
  readonly decision: Decision;
  readonly parts: readonly DecidedPart[];
}

/** More bases than these say nothing that the first ones do not. */
const maxBases = 20;

/** Decides. Throws UsageError as `decide` does; what cannot be judged together has no parts either. */
export function decideAll(options: DecideOptions): Decided {
  const decision = decide(options);
  const labels = [...new Set(jobsOf(options.runs).flatMap(({ cell }) => cell?.image ?? []))];
  if (labels.length < 2) return { decision, parts: [] };
  const folders = foldersOf(labels);
  const variants = labels.map((label) => ({
    name: label,
    folder: `${partsFolder}/variants/${folders.get(label) ?? ""}`,
    decision: decideVariant(label, options),
  }));
  const bases = decideBases(options).map(({ name, decision: one }, place) => ({
    name,
    folder: `${partsFolder}/bases/${place + 1}`,
    decision: one,
  }));
  const parts = [...variants, ...bases];
  return { decision: { ...decision, parts: parts.map(partOf) }, parts };
}

const partOf = ({
  name,
  folder,
  decision: { about, verdict, because, reasons },
}: DecidedPart & { readonly name: string }): DecisionPart => ({
  kind: about?.kind ?? "variant",
  name: oneLine(name, 200),
  ...{ verdict, because },
  reason: reasons[0] ?? "",
  file: `${folder}/${decisionFile}`,
});

const jobsOf = (runs: readonly JudgedRun[]): JobModel[] => runs.flatMap(({ model }) => model.jobs);

/** The runs with the jobs that are wanted alone. One without any of them says nothing and stays, since its log was judged. */
const only = (
  runs: readonly JudgedRun[],
  isWanted: (job: JobModel) => boolean,
): readonly JudgedRun[] =>
  runs.map((run) => ({
    ...run,
    model: { ...run.model, jobs: run.model.jobs.filter(isWanted) },
  }));

function decideVariant(label: string, options: DecideOptions): Decision {
  const { runs } = options;
  const own = new Set(
    jobsOf(runs).flatMap(({ cell, images: { candidate } }) =>
      cell?.image === label && candidate !== undefined ? [keyOf(candidate)] : [],
    ),
  );
  // A job that was repeated by itself has no label, and is known by its image.
  const mine = only(runs, ({ cell, images: { candidate } }) =>
    cell === undefined
      ? candidate !== undefined && own.has(keyOf(candidate))
      : cell.image === label,
  );
  const candidates = candidatesOf(mine);
  const all = candidatesOf(runs);
  /** What is required of another image alone is not required of this one; what nobody has shown is required of all. */
  const isOurs = (cell: Cell): boolean =>
    candidates.length === 0 ||
    candidates.some((image) => concerns(cell, image)) ||
    (!all.some((image) => concerns(cell, image)) &&
      (cell.image === null ||
        candidates.some(({ name }) => matchesWildcard(cell.image ?? "", name))));
  return decide({
    ...options,
    runs: mine,
    part: { about: { kind: "variant", label }, concerns: isOurs },
  });
}

function decideBases(options: DecideOptions): { name: string; decision: Decision }[] {
  const { runs } = options;
  const { bases, faults } = compareVariants({
    // A job of several runs counts once, by all of its attempts.
    jobs: mergeJobs(runs).map(({ job }) => job),
    imageLayers: runs.flatMap(({ model }) => model.imageLayers ?? []),
  });
  return bases.slice(0, maxBases).map((base) => {
    const members = new Set(base.members.map(({ digest }) => digest));
    const mine = only(runs, (job) => members.has(job.images.candidate?.digest ?? ""));
    return {
      name: baseName(base),
      decision: decideBase(base, faults, { ...options, runs: mine }),
    };
  });
}

/** A folder for each label: its own name where that is one, and no two alike. */
function foldersOf(labels: readonly string[]): Map<string, string> {
  const taken = new Set<string>();
  return new Map(
    labels.map((label) => {
      const plain = label
        .replace(/[^A-Za-z0-9._-]+/g, "-")
        .replace(/^[-._]+/, "")
        .slice(0, 80);
      const name = plain === "" ? "image" : plain;
      let folder = name;
      for (let number = 2; taken.has(folder.toLowerCase()); number++) folder = `${name}-${number}`;
      taken.add(folder.toLowerCase());
      return [label, folder];
    }),
  );
}
