/**
 * Folds a run's events into the model that every report is made from. A run that was killed has no last event: what it
 * had begun is broken, the rest is not run, and nothing of it can look green.
 */
import { UsageError } from "../base/errors.ts";
import { cleanDeep } from "./clean-text.ts";
import type { EventOf, ImageLayers, RunEvent } from "./events.ts";
import type { Counts, JobModel, OutcomeModel, RunModel } from "./model-schema.ts";
import {
  addToAttempt,
  closeAttempt,
  currentAttempt,
  endJob,
  millisBetween,
  type OpenJob,
  startJob,
} from "./run-attempts.ts";

/** Longest text kept of any one field, in UTF-16 units: enough to read, small enough for thousands of failures. */
const maxTextLength = 16_384;

/** Folds all of a run's events; throws a UsageError when they are not one run's. */
export function foldRun(events: Iterable<RunEvent>): RunModel {
  const fold = new RunFold();
  for (const event of events) fold.add(event);
  return fold.model();
}

/** The same for events that are still being read. */
export async function foldRunFrom(events: AsyncIterable<RunEvent>): Promise<RunModel> {
  const fold = new RunFold();
  for await (const event of events) fold.add(event);
  return fold.model();
}

/** The fold, event by event, for a harness that reports while the run goes on: `model()` may be asked at any time. */
export class RunFold {
  #started: EventOf<"run-started"> | null = null;
  #ended: EventOf<"run-ended"> | null = null;
  #lastAt = "";
  readonly #jobs = new Map<string, OpenJob>();
  /** By the image's digest: each shard of a merged run tells of its own candidates. */
  readonly #layers = new Map<string, ImageLayers>();

  add(raw: RunEvent): void {
    const event = cleanDeep(raw, maxTextLength);
    if (this.#ended !== null)
      throw new UsageError(`The log has a '${event.type}' after the run's end.`);
    this.#lastAt = event.at;
    switch (event.type) {
      case "run-started":
        this.#start(event);
        return;
      case "run-ended":
        this.#ended = event;
        return;
      case "job-started":
        startJob(this.#job(event), event);
        return;
      case "job-ended":
        endJob(this.#job(event), event);
        return;
      case "known-failure": {
        const { tracker, until, expired, words } = event;
        this.#job(event).known = { tracker, until, expired, words };
        return;
      }
      case "image-layers":
        if (!this.#layers.has(event.image.digest))
          this.#layers.set(event.image.digest, event.image);
        return;
      case "state-waiting":
      case "state-started":
      case "state-stage":
      case "state-ended":
        // What a job starts from is nobody's outcome: each job that hangs on it tells its own.
        return;
      default:
        addToAttempt(currentAttempt(this.#job(event), event.at), event);
    }
  }

  #start(event: EventOf<"run-started">): void {
    if (this.#started !== null)
      throw new UsageError(
        `The log holds two runs, '${this.#started.run}' and '${event.run}'; expected one.`,
      );
    this.#started = event;
    const contents = new Set<string>();
    for (const facts of event.jobs) {
      // The same case under another name would count twice.
      const { scenario, machine, cell, unavailable } = facts;
      // Of images that could not be had only the labels are known.
      const images = unavailable === undefined ? digestsOf(facts) : [cell?.image];
      const content = JSON.stringify([scenario, machine, images, cell?.disk]);
      if (this.#jobs.has(facts.id) || contents.has(content))
        throw new UsageError(`Run '${event.run}' plans the job '${facts.id}' twice.`);
      contents.add(content);
      this.#jobs.set(facts.id, { facts, attempts: [], unstarted: null, known: null });
    }
  }

  #job(event: { job: string; type: string }): OpenJob {
    const job = this.#jobs.get(event.job);
    if (job === undefined)
      throw new UsageError(
        `The log has a '${event.type}' of the job '${event.job}', which its run never planned.`,
      );
    return job;
  }

  /** The run so far; everything that has not ended counts as interrupted. */
  model(): RunModel {
    const started = this.#started;
    if (started === null)
      throw new UsageError("The log does not begin with 'run-started', so there is no run in it.");
    const stopped =
      this.#ended === null ? "the run was killed: its log has no end" : this.#ended.stopped;
    const lastAt = this.#lastAt;
    const jobs = [...this.#jobs.values()].map((job) => closeJob(job, stopped ?? null, lastAt));
    return {
      run: started.run,
      harness: started.harness,
      ...shardOf(started),
      host: started.host,
      command: started.command,
      startedAt: started.at,
      endedAt: this.#ended?.at ?? null,
      durationMs: millisBetween(started.at, lastAt),
      stopped: stopped ?? null,
      counts: countStandings(jobs),
      ...(this.#layers.size === 0 ? {} : { imageLayers: [...this.#layers.values()] }),
      jobs,
    };
  }
}

function shardOf({ shard }: EventOf<"run-started">): Pick<RunModel, "shard"> {
  if (shard === undefined) return {};
  const { index, count, nothingToRun = false } = shard;
  return { shard: { index, count, nothingToRun } };
}

const digestsOf = ({ images }: EventOf<"run-started">["jobs"][number]): string[][] =>
  Object.entries(images)
    .map(([role, { digest, disk = "" }]) => [role, digest, disk])
    .sort();

export type Standing = keyof Counts;

/** Where a job stands in the counts. Flaky is apart from both passed and failed: whether it may promote is the policy's. */
export function standingOf(job: JobModel): Standing {
  if (job.flaky) return "flaky";
  return job.outcome.kind === "not-run" ? "notRun" : job.outcome.kind;
}

function countStandings(jobs: readonly JobModel[]): Counts {
  const counts: Counts = { passed: 0, flaky: 0, failed: 0, broken: 0, skipped: 0, notRun: 0 };
  for (const job of jobs) counts[standingOf(job)]++;
  return counts;
}

function closeJob(job: OpenJob, stopped: string | null, lastAt: string): JobModel {
  const { id, scenario, summary, images, machine, cell, repeat, skip } = job.facts;
  const attempts = job.attempts.map((attempt) => closeAttempt(attempt, stopped, lastAt));
  const first = attempts[0]?.outcome ?? job.unstarted;
  const outcome: OutcomeModel =
    first ??
    (skip === undefined
      ? { kind: "not-run", reason: stopped ?? "the run ended without starting it" }
      : { kind: "skipped", reason: skip });
  const bad = outcome.kind === "failed" || outcome.kind === "broken";
  return {
    id,
    scenario,
    summary,
    images,
    machine,
    ...(cell === undefined ? {} : { cell }),
    repeat,
    outcome,
    flaky: bad && attempts.slice(1).some((attempt) => attempt.outcome.kind === "passed"),
    durationMs: attempts.reduce((sum, attempt) => sum + attempt.durationMs, 0),
    attempts,
    known: bad ? job.known : null,
  };
}

/** What a job's guests ran on; the host's where none told, or several told different things. */
export function acceleratorOf(model: RunModel, job: JobModel): string {
  const told = new Set(
    job.attempts.flatMap(({ guests }) => guests.map(({ accelerator }) => accelerator)),
  );
  const [only] = told;
  return (told.size === 1 && only !== undefined ? only : model.host.accelerator).slice(0, 40);
}
