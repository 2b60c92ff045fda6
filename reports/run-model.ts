/**
 * Folds a run's events into the model that every report is made from. A run that was killed has no last event: what it
 * had begun is broken, the rest is not run, and nothing of it can look green.
 */
import { UsageError } from "../harness/base/errors.ts";
import type { EventOf, RunEvent } from "../harness/base/events.ts";
import { cleanDeep } from "./clean-text.ts";
import type {
  AttemptModel,
  Counts,
  ErrorModel,
  JobModel,
  KnownModel,
  OutcomeModel,
  RunModel,
  StepModel,
} from "./model-schema.ts";

/** Longest text kept of any one field, in UTF-16 units: enough to read, small enough for thousands of failures. */
const maxTextLength = 16_384;

interface OpenAttempt {
  readonly model: AttemptModel;
  readonly openSteps: StepModel[];
  readonly stepNames: Map<string, number>;
  ended: boolean;
}

interface OpenJob {
  readonly facts: EventOf<"run-started">["jobs"][number];
  readonly attempts: OpenAttempt[];
  /** The runner's own word for a job that never started. */
  unstarted: OutcomeModel | null;
  known: KnownModel | null;
}

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

  add(raw: RunEvent): void {
    const event = cleanDeep(raw, maxTextLength);
    this.#lastAt = event.at;
    switch (event.type) {
      case "run-started":
        this.#start(event);
        return;
      case "run-ended":
        this.#ended = event;
        return;
      case "job-started":
        this.#job(event).attempts.push(newAttempt(event.attempt, event.at));
        return;
      case "job-ended":
        endJob(this.#job(event), event);
        return;
      case "known-failure": {
        const { tracker, until, expired, words } = event;
        this.#job(event).known = { tracker, until, expired, words };
        return;
      }
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
    for (const facts of event.jobs) {
      if (this.#jobs.has(facts.id))
        throw new UsageError(`Run '${event.run}' plans the job '${facts.id}' twice.`);
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
      host: started.host,
      command: started.command,
      startedAt: started.at,
      endedAt: this.#ended?.at ?? null,
      durationMs: millisBetween(started.at, lastAt),
      stopped: stopped ?? null,
      counts: countStandings(jobs),
      jobs,
    };
  }
}

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

const millisBetween = (from: string, to: string): number =>
  Math.max(0, Date.parse(to) - Date.parse(from));

function newAttempt(attempt: number, at: string): OpenAttempt {
  const model: AttemptModel = {
    attempt,
    startedAt: at,
    durationMs: 0,
    outcome: { kind: "passed" },
    steps: [],
    guests: [],
    bootStages: [],
    deviations: [],
    notes: [],
    measures: [],
    evidence: [],
  };
  return { model, openSteps: [], stepNames: new Map(), ended: false };
}

/** A deviation or a note may come before the job starts; it belongs to the first attempt then. */
function currentAttempt(job: OpenJob, at: string): OpenAttempt {
  const last = job.attempts.at(-1);
  if (last !== undefined) return last;
  const first = newAttempt(1, at);
  job.attempts.push(first);
  return first;
}

function endJob(job: OpenJob, event: EventOf<"job-ended">): void {
  if (job.attempts.length === 0 && event.outcome.kind === "skipped") {
    job.unstarted = event.outcome;
    return;
  }
  const attempt =
    job.attempts.findLast((candidate) => candidate.model.attempt === event.attempt) ??
    currentAttempt(job, event.at);
  attempt.ended = true;
  attempt.model.outcome = event.outcome;
  attempt.model.durationMs = event.durationMs;
}

type AttemptEvent = Exclude<
  RunEvent,
  { type: "run-started" | "run-ended" | "job-started" | "job-ended" | "known-failure" }
>;

function addToAttempt(attempt: OpenAttempt, event: AttemptEvent): void {
  const { model } = attempt;
  switch (event.type) {
    case "step-started":
      startStep(attempt, event.step, event.at);
      return;
    case "step-ended":
      endStep(attempt, event);
      return;
    case "guest-started": {
      const { guest, image, start, accelerator, readyMs, console } = event;
      model.guests.push({ guest, image, start, accelerator, readyAt: event.at, readyMs, console });
      return;
    }
    case "boot-stage": {
      const { guest, stage, at, sincePowerOnMs } = event;
      model.bootStages.push({ guest, stage, at, sincePowerOnMs });
      return;
    }
    case "deviation":
      if (!model.deviations.some(({ id, text }) => id === event.id && text === event.text))
        model.deviations.push({ id: event.id, text: event.text });
      return;
    case "note":
      model.notes.push(event.text);
      return;
    case "measure":
      model.measures.push({ name: event.name, value: event.value });
      return;
    case "evidence":
      // Told at power-on and again at the throw: once is enough to read.
      if (!model.evidence.some(({ kind, path }) => kind === event.kind && path === event.path))
        model.evidence.push({ kind: event.kind, path: event.path });
      return;
    default:
      event satisfies never;
  }
}

function startStep(attempt: OpenAttempt, name: string, at: string): StepModel {
  const seen = (attempt.stepNames.get(name) ?? 0) + 1;
  attempt.stepNames.set(name, seen);
  const step: StepModel = {
    name: seen === 1 ? name : `${name} (${seen})`,
    startedAt: at,
    durationMs: 0,
    outcome: interrupted(null),
  };
  attempt.model.steps.push(step);
  attempt.openSteps.push(step);
  return step;
}

function endStep(attempt: OpenAttempt, event: EventOf<"step-ended">): void {
  const isIt = ({ name }: StepModel) => name === event.step || name.startsWith(`${event.step} (`);
  const step = attempt.openSteps.findLast(isIt) ?? startStep(attempt, event.step, event.at);
  attempt.openSteps.splice(attempt.openSteps.indexOf(step), 1);
  step.outcome = event.outcome;
  step.durationMs = event.durationMs;
}

function interrupted(stopped: string | null): OutcomeModel {
  const headline = `interrupted: ${stopped ?? "it was begun and never ended"}`;
  const error: ErrorModel = { type: "RunStopped", headline, message: headline };
  return { kind: "broken", error };
}

/** Closed on copies: a run that goes on may still add to the originals. */
function closeAttempt(attempt: OpenAttempt, stopped: string | null, lastAt: string): AttemptModel {
  const { model, openSteps, ended } = attempt;
  const outcome = ended ? model.outcome : interrupted(stopped);
  const open = new Set(openSteps);
  const stepOutcome =
    outcome.kind === "failed" || outcome.kind === "broken" ? outcome : interrupted(stopped);
  const end = ended ? Date.parse(model.startedAt) + model.durationMs : Date.parse(lastAt);
  const steps = model.steps.map((step) => {
    if (!open.has(step)) return step;
    const durationMs = Math.max(0, end - Date.parse(step.startedAt));
    return { ...step, outcome: stepOutcome, durationMs };
  });
  const durationMs = ended ? model.durationMs : millisBetween(model.startedAt, lastAt);
  return { ...model, outcome, steps, durationMs };
}

function closeJob(job: OpenJob, stopped: string | null, lastAt: string): JobModel {
  const { id, scenario, summary, images, machine, repeat, skip } = job.facts;
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
    repeat,
    outcome,
    flaky: bad && attempts.slice(1).some((attempt) => attempt.outcome.kind === "passed"),
    durationMs: attempts.reduce((sum, attempt) => sum + attempt.durationMs, 0),
    attempts,
    known: bad ? job.known : null,
  };
}
