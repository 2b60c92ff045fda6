/**
 * The jobs of all judged runs, each once. A job that is in two runs counts like one with two attempts: the first
 * outcome is kept and a later pass makes it flaky, so that a failure cannot be washed away by running again. A pass that
 * a later run did not come to again is that run's failure: nothing shows then that the image is right.
 */
import { UsageError } from "../../base/errors.ts";
import { oneLine } from "../../log/clean-text.ts";
import type { JobModel, RunModel } from "../../log/model-schema.ts";
import { acceleratorOf } from "../../log/run-model.ts";
import { matchesWildcard } from "../policy/wildcard.ts";

/** A run and the digest of the log that it was folded from. */
export interface JudgedRun {
  readonly model: RunModel;
  /** `sha256:…` of its events.jsonl. */
  readonly eventsDigest: string;
}

/** A job as one run had it, and that run's host. */
export interface HostedJob {
  readonly job: JobModel;
  readonly accelerator: string;
  /** Processors of the host; of a merged run the least that any of its hosts had. */
  readonly cpus: number;
}

export interface GatedJob {
  readonly job: JobModel;
  /** Of all hosts that it ran on. */
  readonly accelerator: string;
  /** The same job run by run, earliest first, since what was measured depends on where. */
  readonly runs: readonly HostedJob[];
}

export type ImageModel = JobModel["images"][string];

/** The image that the gate is about, or the only one of a job that has no candidate. */
export const candidateOf = (job: JobModel): ImageModel | null =>
  job.images.candidate ?? Object.values(job.images)[0] ?? null;

/**
 * The candidates of the runs. Throws UsageError when the runs cannot be judged together; `names` are the image names of
 * the policy, each of which may stand for one image. `mayLack`: a variant of a matrix may be one that could not be had.
 */
export function checkRuns(
  runs: readonly JudgedRun[],
  names: readonly string[],
  { mayLack = false }: { readonly mayLack?: boolean } = {},
): ImageModel[] {
  if (runs.length === 0) throw new UsageError("A run to decide on does not exist.");
  const ids = runs.map(({ model }) => model.run);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new UsageError(`Run '${oneLine(twice, 100)}' is given twice.`);
  const versions = [...new Set(runs.map(({ model }) => model.harness))];
  if (versions.length > 1)
    throw new UsageError(
      `The runs are by different versions of the harness: ${versions.map((text) => oneLine(text, 40)).join(", ")}.`,
    );
  const candidates = candidatesOf(runs);
  if (candidates.length === 0 && !mayLack)
    throw new UsageError(
      "No job of these runs has a candidate image, so there is none to decide on.",
    );
  refuseSeveral(candidates, names, labelsOf(runs));
  refuseOtherImages(runs);
  return candidates;
}

/** An upgrade from one previous image is not an upgrade from another: a candidate is judged beside one set of images. */
function refuseOtherImages(runs: readonly JudgedRun[]): void {
  const beside = new Map<string, string>();
  for (const { model } of runs)
    for (const { images } of model.jobs)
      for (const [role, { name, digest }] of Object.entries(images)) {
        const key = `${images.candidate?.digest} ${images.candidate?.architecture} ${role}`;
        const other = beside.get(key) ?? digest;
        if (other !== digest)
          throw new UsageError(
            `The runs tested the candidate with different '${oneLine(role, 40)}' images; one decision is about one.`,
            { details: { one: other, other: `${oneLine(name, 100)} ${digest}` } },
          );
        beside.set(key, digest);
      }
}

export function candidatesOf(runs: readonly JudgedRun[]): ImageModel[] {
  const found = new Map<string, ImageModel>();
  for (const { model } of runs)
    for (const {
      images: { candidate },
    } of model.jobs) {
      if (candidate !== undefined && !found.has(keyOf(candidate)))
        found.set(keyOf(candidate), candidate);
    }
  return [...found.values()];
}

export const keyOf = ({ architecture, digest }: ImageModel): string => `${architecture} ${digest}`;

/** What the candidates of a matrix are called in it, by `keyOf`. */
function labelsOf(runs: readonly JudgedRun[]): Map<string, string> {
  const jobs = runs.flatMap(({ model }) => model.jobs);
  return new Map(
    jobs.flatMap(({ cell, images: { candidate } }) =>
      cell === undefined || candidate === undefined ? [] : [[keyOf(candidate), cell.image]],
    ),
  );
}

/**
 * One decision is about one image: one digest per architecture, per name where the policy names several, and per label
 * of a matrix. A run outside of a matrix is not judged beside one, unless of an image that is in it.
 */
function refuseSeveral(
  candidates: readonly ImageModel[],
  names: readonly string[],
  labels: ReadonlyMap<string, string>,
): void {
  const [anyLabel = ""] = labels.values();
  const byPlace = new Map<string, ImageModel>();
  for (const image of candidates) {
    const name = names.find((pattern) => matchesWildcard(pattern, image.name)) ?? "";
    const label = labels.get(keyOf(image)) ?? (name === "" ? anyLabel : "");
    const place = `${name} ${image.architecture} ${label}`;
    const other = byPlace.get(place);
    if (other !== undefined && other.digest !== image.digest)
      throw new UsageError(
        `The runs are of different candidates for ${oneLine(image.architecture, 40)}; one decision is about one.`,
        {
          details: {
            one: `${oneLine(other.name, 100)} ${other.digest}`,
            other: `${oneLine(image.name, 100)} ${image.digest}`,
          },
        },
      );
    byPlace.set(place, image);
  }
}

/** The jobs of the runs, earliest run first, those of the same id and candidate made one. */
export function mergeJobs(runs: readonly JudgedRun[]): GatedJob[] {
  const ordered = runs.toSorted(
    (one, other) => Date.parse(one.model.startedAt) - Date.parse(other.model.startedAt),
  );
  const jobs = new Map<string, GatedJob>();
  for (const { model } of ordered)
    for (const job of model.jobs) {
      const key = `${job.id} ${candidateOf(job)?.digest ?? ""}`;
      // A run may have machines of several kinds: hardware beside what is emulated.
      const accelerator = acceleratorOf(model, job);
      const { cpus } = model.host;
      const here: GatedJob = { job, accelerator, runs: [{ job, accelerator, cpus }] };
      const before = jobs.get(key);
      jobs.set(key, before === undefined ? here : merge(before, here));
    }
  return [...jobs.values()];
}

const hasRun = ({ outcome }: JobModel): boolean =>
  outcome.kind !== "skipped" && outcome.kind !== "not-run";

const hasPassed = ({ outcome, flaky }: JobModel): boolean => outcome.kind === "passed" || flaky;

function merge(first: GatedJob, second: GatedJob): GatedJob {
  if (!hasRun(second.job)) return first;
  if (!hasRun(first.job)) return second;
  const runs = [...first.runs, ...second.runs];
  const accelerators = new Set(runs.map(({ accelerator }) => accelerator));
  return {
    job: again(first.job, second.job),
    accelerator: [...accelerators].sort().join(", "),
    runs,
  };
}

function again(first: JobModel, second: JobModel): JobModel {
  const lost = hasPassed(first) && !hasPassed(second);
  const outcome = lost || first.outcome.kind === "passed" ? second.outcome : first.outcome;
  return {
    ...first,
    outcome,
    flaky: hasPassed(second) && outcome.kind !== "passed",
    durationMs: first.durationMs + second.durationMs,
    attempts: [...first.attempts, ...second.attempts],
  };
}
