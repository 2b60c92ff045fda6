/**
 * Splits jobs into shards of about equal time. Each shard is computed apart on its own host, so the split is a function
 * of the set of jobs and nothing else; its digest lets the merge see that all shards meant the same split.
 */
import { createHash } from "node:crypto";
import { UsageError } from "../../base/errors.ts";
import type { ShardFacts } from "../../log/events.ts";
import { median } from "../policy/budgets.ts";

export interface ShardChoice {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** More than any CI runs at once; a list of shards must have an end. */
export const maxShards = 1000;

/** Reads `2/4`; throws UsageError for anything else. */
export function parseShard(text: string): ShardChoice {
  const match = /^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text);
  const index = Number(match?.[1]);
  const count = Number(match?.[2]);
  if (match === null || index > count || count > maxShards)
    throw new UsageError(
      `Expected a shard as i/n with 1 ≤ i ≤ n ≤ ${maxShards}, got '${text.slice(0, 100)}'.`,
      {
        details: { example: "--shard 2/4" },
      },
    );
  return { index, count };
}

export interface SplittableJob {
  readonly id: string;
  /** The scenario's own limit: what is assumed when no job has a history. */
  readonly budgetMs: number;
  /** It will not run, so it takes no time and only has to be reported. */
  readonly isSkipped?: boolean;
}

export interface SplitOptions<Job extends SplittableJob> {
  readonly jobs: readonly Job[];
  readonly count: number;
  readonly expectedMs: (job: string) => number | null;
}

export interface Split<Job extends SplittableJob> {
  /** `count` lists, each sorted by id; together every job exactly once. None is empty; those without anything to run are the last. */
  readonly shards: readonly { readonly jobs: readonly Job[]; readonly expectedMs: number }[];
  readonly selection: string;
}

/**
 * Longest processing time first: the longest job goes to the shard with least so far. Deterministic, order of input does
 * not count. A shard may be left with nothing to run where so many jobs are skipped, but not because too many were asked
 * for. It reports a skipped one, the first shard the rest of them.
 */
export function splitJobs<Job extends SplittableJob>(options: SplitOptions<Job>): Split<Job> {
  const { jobs, count } = options;
  refuseCount(jobs, count);
  const runnable = jobs.filter(({ isSkipped }) => isSkipped !== true);
  const durations = durationsOf({ ...options, jobs: runnable });
  const timeOf = ({ id }: Job): number => durations.get(id) ?? 0;
  const ordered = runnable.toSorted(
    (one, other) => timeOf(other) - timeOf(one) || compareIds(one, other),
  );
  const shards = Array.from({ length: count }, () => ({ jobs: [] as Job[], expectedMs: 0 }));
  for (const job of ordered) {
    const least = shards.reduce((best, shard) => (lighter(shard, best) ? shard : best));
    least.jobs.push(job);
    least.expectedMs += timeOf(job);
  }
  const skipped = jobs.filter(({ isSkipped }) => isSkipped === true).toSorted(compareIds);
  for (const job of skipped) {
    const shard = shards.find((one) => one.jobs.length === 0) ?? shards[0];
    shard?.jobs.push(job);
  }
  for (const shard of shards) shard.jobs.sort(compareIds);
  return { shards, selection: selectionDigest(shards) };
}

function refuseCount(jobs: readonly SplittableJob[], count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > maxShards)
    throw new UsageError(`Expected from 1 to ${maxShards} shards, got ${count}.`);
  if (new Set(jobs.map(({ id }) => id)).size !== jobs.length)
    throw new UsageError("Two jobs have the same id, so they cannot be split.");
  if (count > jobs.length)
    throw new UsageError(
      `${jobs.length} ${jobs.length === 1 ? "job" : "jobs"} cannot be split into ${count} shards: some would be empty.`,
    );
}

/** By fewer jobs where times are equal, so that jobs without any time do not all land in the first. */
const lighter = (
  one: { jobs: readonly unknown[]; expectedMs: number },
  other: { jobs: readonly unknown[]; expectedMs: number },
): boolean =>
  one.expectedMs < other.expectedMs ||
  (one.expectedMs === other.expectedMs && one.jobs.length < other.jobs.length);

const compareIds = (one: SplittableJob, other: SplittableJob): number =>
  one.id < other.id ? -1 : one.id > other.id ? 1 : 0;

function durationsOf<Job extends SplittableJob>({
  jobs,
  expectedMs,
}: SplitOptions<Job>): Map<string, number> {
  const known = jobs.flatMap(({ id }) => expectedMs(id) ?? []);
  const middle = median(known);
  return new Map(jobs.map(({ id, budgetMs }) => [id, expectedMs(id) ?? middle ?? budgetMs]));
}

function selectionDigest(shards: readonly { jobs: readonly SplittableJob[] }[]): string {
  const text = JSON.stringify(shards.map(({ jobs }) => jobs.map(({ id }) => id)));
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** One shard of a split with the facts for its run's first event. */
export function takeShard<Job extends SplittableJob>(
  split: Split<Job>,
  { index, count }: ShardChoice,
): { readonly jobs: readonly Job[]; readonly facts: ShardFacts } {
  const shard = split.shards[index - 1];
  if (shard === undefined || split.shards.length !== count)
    throw new RangeError(
      `The shard ${index}/${count} does not exist in a split of ${split.shards.length}.`,
    );
  return { jobs: shard.jobs, facts: { index, count, selection: split.selection } };
}
