/**
 * What a run takes from the gate before anything boots: the policy it is checked against, its shard, the history, the
 * known failures. All that files and words alone can say is said before an image is touched, since an image may have to
 * be built for half an hour first.
 */
import type { Image } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import { nearestWord } from "../../config/nearest.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import type { ExecuteOptions } from "../../engine/execute.ts";
import type { Job } from "../../engine/plan.ts";
import { expectations, type HistoryLine, historyOf } from "../../gate/history/history.ts";
import { appendHistory, readHistory } from "../../gate/history/history-file.ts";
import { type KnownFailures, matchKnown } from "../../gate/known/known-failures.ts";
import { checkKnown } from "../../gate/policy/check-policy.ts";
import { type Policy, policyDigest } from "../../gate/policy/policy.ts";
import { parseShard, type ShardChoice, splitJobs, takeShard } from "../../gate/shards/shard.ts";
import type { ShardFacts } from "../../log/events.ts";
import type { RunModel } from "../../log/model-schema.ts";
import { loadKnown } from "../commands/known-command.ts";
import { canMakeDisks } from "./disk-options.ts";
import { loadPolicy } from "./judge-runs.ts";

export interface GateOptions {
  readonly policy?: string;
  readonly shard?: string;
  readonly history?: string;
  readonly known?: string;
}

/** What the gate's options say by themselves. */
export interface GateFiles {
  readonly policy: string | null;
  readonly shard: ShardChoice | null;
  /** Null where none was named. */
  readonly history: readonly HistoryLine[] | null;
  readonly known: KnownFailures;
}

export interface GateSetup {
  /** The jobs of this shard, or all. */
  readonly jobs: readonly Job[];
  readonly shard: ShardFacts | null;
  /** Digest of the policy. */
  readonly policy: string | null;
  /** Milliseconds a job is expected to take on this host, by its id; null when it never passed. */
  readonly expectedMs: (job: string) => number | null;
  /** Set where one was named. */
  readonly history?: readonly HistoryLine[];
  /** The event for a job whose failure is listed as known. */
  readonly knownFailure: ExecuteOptions["knownFailure"];
}

/** Reads and checks the files. Throws UsageError for one that is wrong or can never hold, and for a shard that is none. */
export async function loadGate(options: GateOptions, now: Date): Promise<GateFiles> {
  const shard = options.shard === undefined ? null : parseShard(options.shard);
  const scenarios = await discoverScenarios();
  if (options.policy !== undefined) await loadPolicy(options.policy, scenarios, now);
  const known = await loadKnown(options.known);
  const facts = scenarios.map(({ id, definition: { needs } }) => ({ id, needs }));
  checkKnown(known.list, { scenarios: facts, now, nearest: nearestWord }, `'${known.path}'`);
  const past = options.history === undefined ? null : await readHistory(options.history, { now });
  return {
    policy: options.policy ?? null,
    shard,
    history: past?.lines ?? null,
    known: known.list,
  };
}

/** Puts them to the jobs. Throws UsageError for a policy that can never hold for these images. */
export async function prepareGate(
  jobs: readonly Job[],
  { policy, shard, history, known }: GateFiles,
  accelerator?: string,
): Promise<GateSetup> {
  const setup = {
    policy: policy === null ? null : await checkedPolicy(policy, jobs),
    expectedMs: expectations(history ?? [], accelerator),
    ...(history === null ? {} : { history }),
    knownFailure: knownFailureOf(known),
  };
  if (shard === null) return { jobs, shard: null, ...setup };
  const taken = takeShard(split(jobs, shard.count, history ?? []), shard);
  const ids = new Set(taken.jobs.map(({ id }) => id));
  const mine = jobs.filter(({ id }) => ids.has(id));
  const nothingToRun = mine.every(neverRuns) && !jobs.every(neverRuns);
  const facts: ShardFacts = nothingToRun ? { ...taken.facts, nothingToRun } : taken.facts;
  return { jobs: mine, shard: facts, ...setup };
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

/**
 * Whether a job is skipped on every host that plays the run. What this host's machines refuse another host may run, and all
 * shards have to come to the same split.
 */
const neverRuns = ({ skip, machine }: Job): boolean => skip !== null && machine.refusal === null;

/** Splits jobs by what they are expected to take on any host. */
export function split(
  jobs: readonly Job[],
  count: number,
  history: readonly HistoryLine[],
): ReturnType<
  typeof splitJobs<{ readonly id: string; readonly budgetMs: number; readonly isSkipped: boolean }>
> {
  const splittable = jobs.map((job) => ({
    id: job.id,
    budgetMs: job.scenario.definition.timeoutMinutes * 60_000,
    isSkipped: neverRuns(job),
  }));
  return splitJobs({ jobs: splittable, count, expectedMs: expectations(history) });
}

async function checkedPolicy(path: string, jobs: readonly Job[]): Promise<string> {
  const candidates = new Map<string, Image>();
  const atHand = jobs.filter(({ unavailable }) => unavailable === undefined);
  for (const { images } of atHand) {
    if (images.candidate !== undefined) candidates.set(images.candidate.name, images.candidate);
  }
  const machines = jobs.map(({ machine }) => machine);
  const makesDisks = canMakeDisks(machines.map(({ driver }) => driver));
  const facts = [...candidates.values()].map(({ name, architecture, disk, oci, catalogue }) => ({
    name,
    architecture,
    // As the plan has it: what is at a registry only is installed on a disk first.
    hasDisk: disk !== null || (makesDisks && oci !== null),
    hasOci: oci !== null,
    ...(catalogue === undefined ? {} : { lacks: catalogue.lacks }),
    ...(disk === null ? {} : { sectorBytes: disk.sectorBytes ?? 512 }),
  }));
  const policy = await loadPolicy(path, await discoverScenarios(), new Date(), facts, machines);
  refuseMissingRoles(policy, atHand, path);
  return policyDigest(policy);
}

/** A required scenario that lacks an image here is skipped by every run of this command line, so the gate could only hold. */
function refuseMissingRoles({ require }: Policy, jobs: readonly Job[], path: string): void {
  const required = new Set(require.flatMap(({ scenarios }) => scenarios));
  const wrong = jobs.flatMap(({ scenario: { id, definition }, images }) => {
    const missing = definition.needs.images.filter((role) => images[role] === undefined);
    return required.has(id) && missing.length > 0
      ? [`  - '${id}' is required and needs ${missing.map((role) => `--${role}`).join(" and ")}`]
      : [];
  });
  if (wrong.length > 0)
    throw new UsageError(`'${path}' cannot be met by this run:\n${[...new Set(wrong)].join("\n")}`);
}

/** Adds a finished run to the history. */
export async function recordHistory(
  model: RunModel,
  { history }: GateOptions,
  known: KnownFailures,
): Promise<void> {
  if (history === undefined) return;
  await appendHistory(history, historyOf(model, known, new Date()));
}
