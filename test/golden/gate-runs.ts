/** Small runs to judge, shared by the gate's tests: each job is one word that says how it ended. */

import type { JudgedRun } from "../../harness/gate/verdict/gated-jobs.ts";
import type { JobFacts, RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { frozen } from "./frozen.ts";
import {
  at,
  bootFailed,
  digest,
  ended,
  jobFacts,
  runStarted,
  started,
  step,
} from "./report-events.ts";

export type Fate =
  | "passed"
  | "failed"
  | "broken"
  | "skipped"
  | "not-run"
  | "flaky"
  | "open"
  | "empty";

const lost = frozen({
  type: "GuestLost",
  headline: "The ssh connection to guest 'v2' was lost and nothing on its console says why.",
  message: "The ssh connection to guest 'v2' was lost and nothing on its console says why.",
});
const failed = frozen({ kind: "failed", error: bootFailed } as const);
const broken = frozen({ kind: "broken", error: lost } as const);

/** Events of one job that begins at `from` seconds and takes ten. */
function fateEvents(id: string, from: number, fate: Fate): RunEvent[] {
  const claim = "boots the candidate";
  switch (fate) {
    case "passed":
      return [started(id, from), ...step(id, from, 9, claim), ended(id, from, from + 10)];
    case "failed":
      return [
        started(id, from),
        ...step(id, from, 9, claim, failed),
        ended(id, from, from + 10, failed),
      ];
    case "broken":
      return [
        started(id, from),
        ...step(id, from, 9, claim, broken),
        ended(id, from, from + 10, broken),
      ];
    case "flaky":
      return [
        ...fateEvents(id, from, "broken"),
        started(id, from + 10, 2),
        ...step(id, from + 10, 9, claim),
        ended(id, from + 10, from + 20, { kind: "passed" }, 2),
      ];
    case "skipped":
      return [
        ended(id, from, from, { kind: "skipped", reason: "it needs an image for 'previous'" }),
      ];
    case "open":
      return [started(id, from), step(id, from, 9, claim)[0] as RunEvent];
    // It says that it passed, and nothing in it did.
    case "empty":
      return [started(id, from), ended(id, from, from + 10)];
    case "not-run":
      return [];
    default:
      return fate satisfies never;
  }
}

export interface SmallRun {
  readonly run?: string;
  readonly startedAt?: number;
  readonly fates: Readonly<Record<string, Fate>>;
  readonly facts?: Partial<JobFacts>;
  readonly head?: Partial<Extract<RunEvent, { type: "run-started" }>>;
  /** More events of each job, before it ends. */
  readonly more?: (id: string) => RunEvent[];
  readonly killed?: boolean;
  readonly stopped?: string;
}

/** The gate's built-in policy lets no stand-in pass. */
const withoutStandIns = (images: JobFacts["images"]): JobFacts["images"] =>
  Object.fromEntries(
    Object.entries(images).map(([role, image]) => [role, { ...image, standIns: [] }]),
  );

/** The events of a small run; jobs are scenarios on QEMU, x86_64, UEFI unless told. */
export function smallEvents(small: SmallRun): RunEvent[] {
  const begin = small.startedAt ?? 0;
  const jobs = Object.keys(small.fates).map((scenario) =>
    jobFacts(scenario, { images: withoutStandIns(jobFacts(scenario).images), ...small.facts }),
  );
  const head = runStarted(jobs);
  const events = Object.values(small.fates).flatMap((fate, place) => {
    const id = jobs[place]?.id ?? "";
    const own = fateEvents(id, begin + place * 30, fate);
    const more = own.length > 1 ? (small.more?.(id) ?? []) : [];
    return [...own.slice(0, 1), ...more, ...own.slice(1)];
  });
  const end: RunEvent = {
    type: "run-ended",
    at: at(begin + 3600),
    ...(small.stopped === undefined ? {} : { stopped: small.stopped }),
  };
  return [
    {
      ...head,
      at: at(begin),
      ...(small.run === undefined ? {} : { run: small.run }),
      ...small.head,
    } as RunEvent,
    ...events,
    ...(small.killed === true ? [] : [end]),
  ];
}

export const smallRun = (small: SmallRun): JudgedRun => ({
  model: foldRun(smallEvents(small)),
  eventsDigest: digest("e"),
});
