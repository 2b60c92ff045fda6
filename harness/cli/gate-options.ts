/** What a run takes from the gate before anything boots: the policy it is checked against, its shard, its history. */
import type { Image } from "../../images/image.ts";
import { expectations, historyOf } from "../../reports/gate/history.ts";
import { appendHistory, readHistory } from "../../reports/gate/history-file.ts";
import { type KnownFailures, matchKnown } from "../../reports/gate/known-failures.ts";
import { policyDigest } from "../../reports/gate/policy.ts";
import { parseShard, type ShardFacts, splitJobs, takeShard } from "../../reports/gate/shard.ts";
import type { RunModel } from "../../reports/model-schema.ts";
import { discoverScenarios } from "../discover.ts";
import type { Job } from "../plan.ts";
import type { ExecuteOptions } from "./execute.ts";
import { loadKnown } from "./known-command.ts";
import { loadPolicy } from "./verdict-command.ts";

export interface GateOptions {
  readonly policy?: string;
  readonly shard?: string;
  readonly history?: string;
}

export interface GateSetup {
  /** The jobs of this shard, or all. */
  readonly jobs: readonly Job[];
  readonly shard: ShardFacts | null;
  /** Digest of the policy. */
  readonly policy: string | null;
  /** Milliseconds a job is expected to take, by its id; null when it never passed. */
  readonly expectedMs: (job: string) => number | null;
  /** The event for a job whose failure is listed as known. */
  readonly knownFailure: ExecuteOptions["knownFailure"];
}

/** Throws UsageError for a policy that is wrong or can never hold, and for a shard that is none. */
export async function prepareGate(jobs: readonly Job[], options: GateOptions): Promise<GateSetup> {
  const lines = options.history === undefined ? [] : (await readHistory(options.history)).lines;
  const expectedMs = expectations(lines);
  const policy = options.policy === undefined ? null : await checkedPolicy(options.policy, jobs);
  const knownFailure = knownFailureOf((await loadKnown(undefined)).list);
  const setup = { policy, expectedMs, knownFailure };
  if (options.shard === undefined) return { jobs, shard: null, ...setup };
  const choice = parseShard(options.shard);
  const taken = takeShard(split(jobs, choice.count, expectedMs), choice);
  const ids = new Set(taken.jobs.map(({ id }) => id));
  return { jobs: jobs.filter(({ id }) => ids.has(id)), shard: taken.facts, ...setup };
}

/** Looks a job's failure up in the list, by the clock of its run. */
export function knownFailureOf(list: KnownFailures): ExecuteOptions["knownFailure"] {
  return (model, id) => {
    const now = new Date();
    const job = model.jobs.find((candidate) => candidate.id === id);
    const hit = job === undefined ? null : matchKnown(list, job, now);
    if (hit === null) return null;
    const { entry, expired, words } = hit;
    const { tracker, until } = entry;
    return {
      type: "known-failure",
      at: now.toISOString(),
      job: id,
      tracker,
      until,
      expired,
      words,
    };
  };
}

/** Splits jobs by what they are expected to take. */
export function split(
  jobs: readonly Job[],
  count: number,
  expectedMs: GateSetup["expectedMs"],
): ReturnType<typeof splitJobs<{ readonly id: string; readonly budgetMs: number }>> {
  const splittable = jobs.map(({ id, scenario }) => ({
    id,
    budgetMs: scenario.definition.timeoutMinutes * 60_000,
  }));
  return splitJobs({ jobs: splittable, count, expectedMs });
}

async function checkedPolicy(path: string, jobs: readonly Job[]): Promise<string> {
  const candidates = new Map<string, Image>();
  for (const { images } of jobs) {
    if (images.candidate !== undefined) candidates.set(images.candidate.name, images.candidate);
  }
  const facts = [...candidates.values()].map(({ name, architecture, disk, oci }) => ({
    name,
    architecture,
    hasDisk: disk !== null,
    hasOci: oci !== null,
  }));
  return policyDigest(await loadPolicy(path, await discoverScenarios(), new Date(), facts));
}

/** Adds a finished run to the history. */
export async function recordHistory(model: RunModel, { history }: GateOptions): Promise<void> {
  if (history === undefined) return;
  const { list } = await loadKnown(undefined);
  await appendHistory(history, historyOf(model, list, new Date()));
}
