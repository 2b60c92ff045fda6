/** What changed since another run, job by job: the question a person has first when a gate that was green is not. */
import type { JobModel, RunModel } from "../harness/log/model-schema.ts";
import { type Standing, standingOf } from "../harness/log/run-model.ts";

export interface JobChange {
  readonly job: string;
  readonly kind: "worse" | "better" | "slower" | "faster" | "new" | "gone";
  readonly was: Standing | null;
  readonly is: Standing | null;
  readonly wasMs: number;
  readonly isMs: number;
}

export interface RunComparison {
  readonly changes: readonly JobChange[];
  /** Jobs that stand as they stood. */
  readonly same: number;
  /** Images whose digest changed, by role and name. */
  readonly images: readonly { readonly image: string; readonly was: string; readonly is: string }[];
}

/** A time has changed when it differs by a quarter and by five seconds: less is noise on a shared host. */
const leastRatio = 1.25;
const leastMs = 5000;

const rank: readonly Standing[] = ["passed", "flaky", "skipped", "notRun", "broken", "failed"];

export function compareRuns(model: RunModel, previous: RunModel): RunComparison {
  const before = new Map(previous.jobs.map((job) => [job.id, job]));
  const now = new Set(model.jobs.map(({ id }) => id));
  const changes = model.jobs.flatMap((job) => changeOf(job, before.get(job.id)));
  for (const job of previous.jobs)
    if (!now.has(job.id))
      changes.push({
        job: job.id,
        kind: "gone",
        was: standingOf(job),
        is: null,
        wasMs: job.durationMs,
        isMs: 0,
      });
  const kinds: readonly JobChange["kind"][] = [
    "worse",
    "gone",
    "better",
    "slower",
    "faster",
    "new",
  ];
  changes.sort((one, other) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind));
  const told = new Set(changes.map(({ job }) => job));
  return {
    changes,
    same: model.jobs.filter(({ id }) => !told.has(id)).length,
    images: changedImages(model, previous),
  };
}

function changeOf(job: JobModel, old: JobModel | undefined): JobChange[] {
  const is = standingOf(job);
  const isMs = job.durationMs;
  if (old === undefined) return [{ job: job.id, kind: "new", was: null, is, wasMs: 0, isMs }];
  const was = standingOf(old);
  const wasMs = old.durationMs;
  const change = { job: job.id, was, is, wasMs, isMs };
  // What did not run is never better than a failure: nothing was learnt.
  if (was !== is)
    return [
      {
        ...change,
        kind: is === "notRun" || rank.indexOf(is) > rank.indexOf(was) ? "worse" : "better",
      },
    ];
  if (is !== "passed" || Math.abs(isMs - wasMs) < leastMs) return [];
  if (isMs > wasMs * leastRatio) return [{ ...change, kind: "slower" }];
  return wasMs > isMs * leastRatio ? [{ ...change, kind: "faster" }] : [];
}

function imagesOf(model: RunModel): Map<string, string> {
  return new Map(
    model.jobs.flatMap((job) =>
      Object.entries(job.images).map(([role, image]) => [`${role} ${image.name}`, image.digest]),
    ),
  );
}

function changedImages(model: RunModel, previous: RunModel): RunComparison["images"] {
  const before = imagesOf(previous);
  return [...imagesOf(model)].flatMap(([image, is]) => {
    const was = before.get(image);
    return was === undefined || was === is ? [] : [{ image, was, is }];
  });
}
