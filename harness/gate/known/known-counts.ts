/** How often each known failure was met, and which entries have outlived what they excuse. */
import type { RunModel } from "../../log/model-schema.ts";
import type { HistoryLine } from "../history/history.ts";
import { isOver } from "../policy/dates.ts";
import { matchesWildcard } from "../policy/wildcard.ts";
import { candidateOf } from "../verdict/gated-jobs.ts";
import { type KnownFailure, type KnownFailures, knownId, matchKnown } from "./known-failures.ts";

export interface KnownCount {
  readonly id: string;
  readonly entry: KnownFailure;
  /** `stale`: its scenario ran in the last N runs and it matched none of them. */
  readonly state: "active" | "expired" | "stale";
  /** Jobs that failed this way. */
  readonly hits: number;
  /** Runs in which its scenario ran since it last matched. */
  readonly runsSince: number;
  readonly lastHit: { readonly at: string; readonly run: string; readonly job: string } | null;
}

export interface KnownCountOptions {
  readonly known: KnownFailures;
  readonly history: readonly HistoryLine[];
  /** Runs that may or may not be in the history; each is counted once. */
  readonly runs: readonly RunModel[];
  readonly now: Date;
  /** Runs without a hit after which an entry is stale; 10 unless told. */
  readonly staleAfter?: number;
}

interface Sighting {
  readonly at: string;
  readonly run: string;
  readonly job: string;
  readonly scenario: string;
  readonly image: string;
  /** Empty where the history does not tell. */
  readonly architecture: string;
  readonly known: string | null;
}

/** One count for each entry, in the list's order. */
export function countKnown(options: KnownCountOptions): KnownCount[] {
  const seen = sightings(options);
  return options.known.failures.map((entry) => {
    const id = knownId(entry);
    const mine = seen.filter((sighting) => isAbout(entry, sighting));
    const hits = mine.filter(({ known }) => known === id);
    const last = hits.at(-1) ?? null;
    const after = mine.filter(({ at }) => last === null || at > last.at);
    const runsSince = new Set(after.map(({ run }) => run)).size;
    const stale = runsSince >= (options.staleAfter ?? 10);
    return {
      id,
      entry,
      state: isOver(entry.until, options.now) ? "expired" : stale ? "stale" : "active",
      hits: hits.length,
      runsSince,
      lastHit: last === null ? null : { at: last.at, run: last.run, job: last.job },
    };
  });
}

/** Whether the job could have failed this way: another scenario, image or architecture says nothing about the entry. */
const isAbout = (entry: KnownFailure, { scenario, image, architecture }: Sighting): boolean =>
  scenario === entry.scenario &&
  (entry.images?.some((name) => matchesWildcard(name, image)) ?? true) &&
  (entry.architectures === undefined ||
    architecture === "" ||
    entry.architectures.some((one) => one === architecture));

/** All jobs that ran, oldest first. A run that is at hand is looked at again: the list may have changed since. */
function sightings({ known, history, runs, now }: KnownCountOptions): Sighting[] {
  const atHand = new Map(runs.map((model) => [model.run, model]));
  const old = history
    .filter(
      ({ run, standing }) => !atHand.has(run) && standing !== "skipped" && standing !== "notRun",
    )
    .map(({ at, run, job, scenario, image, architecture = "", known: id }) => ({
      at,
      run,
      job,
      scenario,
      image,
      architecture,
      known: id ?? null,
    }));
  const fresh = [...atHand.values()].flatMap(({ run, startedAt, jobs }) =>
    jobs
      .filter(({ outcome }) => outcome.kind !== "skipped" && outcome.kind !== "not-run")
      .map((job) => {
        const hit = matchKnown(known, job, now);
        return {
          at: startedAt,
          run,
          job: job.id,
          scenario: job.scenario,
          image: candidateOf(job)?.name ?? "",
          architecture: job.machine.architecture,
          known: hit === null ? null : knownId(hit.entry),
        };
      }),
  );
  return [...old, ...fresh].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}
