/** The attempts of a job as the run's events tell them, and what of them is still open. */
import { UsageError } from "../base/errors.ts";
import type { EventOf, RunEvent } from "./events.ts";
import type {
  AttemptModel,
  ErrorModel,
  KnownModel,
  OutcomeModel,
  StepModel,
} from "./model-schema.ts";

interface OpenAttempt {
  readonly model: AttemptModel;
  readonly openSteps: StepModel[];
  readonly stepNames: Map<string, number>;
  /** False while only a note or a deviation made it. */
  started: boolean;
  ended: boolean;
}

export interface OpenJob {
  readonly facts: EventOf<"run-started">["jobs"][number];
  readonly attempts: OpenAttempt[];
  /** The runner's own word for a job that never started. */
  unstarted: OutcomeModel | null;
  known: KnownModel | null;
}

export const millisBetween = (from: string, to: string): number =>
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
  return { model, openSteps: [], stepNames: new Map(), started: false, ended: false };
}

/** A deviation or a note may come before the job starts; it belongs to the first attempt then. */
export function currentAttempt(job: OpenJob, at: string): OpenAttempt {
  const last = job.attempts.at(-1);
  if (last !== undefined) return last;
  const first = newAttempt(1, at);
  job.attempts.push(first);
  return first;
}

/** Attempts follow one another, each ended before the next: a log of another order was put together by somebody. */
export function startJob(job: OpenJob, event: EventOf<"job-started">): void {
  const last = job.attempts.at(-1);
  const isPlaceholder = last !== undefined && !last.started;
  const before = isPlaceholder ? job.attempts.at(-2) : last;
  if (event.attempt !== (before?.model.attempt ?? 0) + 1 || before?.ended === false)
    throw contradiction(job, `starts attempt ${event.attempt} out of turn`);
  if (job.unstarted !== null || job.facts.skip !== undefined)
    throw contradiction(job, "starts although it was skipped");
  const attempt = isPlaceholder ? last : newAttempt(event.attempt, event.at);
  if (!isPlaceholder) job.attempts.push(attempt);
  attempt.model.startedAt = event.at;
  attempt.started = true;
}

export function endJob(job: OpenJob, event: EventOf<"job-ended">): void {
  const { kind } = event.outcome;
  const last = job.attempts.at(-1);
  if (last === undefined && kind === "skipped") {
    job.unstarted = event.outcome;
    return;
  }
  // What never had room on the host ends without a start; only what was played can have passed or failed.
  const attempt = last?.ended === false ? last : newAttempt(event.attempt, event.at);
  if (attempt !== last) job.attempts.push(attempt);
  const place = job.attempts.indexOf(attempt) + 1;
  if (event.attempt !== place || (!attempt.started && kind !== "broken" && kind !== "skipped"))
    throw contradiction(job, `ends attempt ${event.attempt} as '${kind}' and never began it`);
  attempt.ended = true;
  // A job is known only when each attempt that did not pass failed the known way: the next event says so again if it did.
  if (kind === "failed" || kind === "broken") job.known = null;
  attempt.model.outcome = event.outcome;
  attempt.model.durationMs = event.durationMs;
}

const contradiction = ({ facts }: OpenJob, what: string): UsageError =>
  new UsageError(`The log contradicts itself: the job '${facts.id}' ${what}.`);

type AttemptEvent = Exclude<
  Extract<RunEvent, { job: string }>,
  { type: "job-started" | "job-ended" | "known-failure" }
>;

export function addToAttempt(attempt: OpenAttempt, event: AttemptEvent): void {
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
    case "claim": {
      // Each guest of the disk says it; once is enough to read.
      const text = `Of ${event.image} only the disk is known. The guest says it is ${event.says}; nothing proves it.`;
      if (!model.notes.includes(text)) model.notes.push(text);
      return;
    }
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
export function closeAttempt(
  attempt: OpenAttempt,
  stopped: string | null,
  lastAt: string,
): AttemptModel {
  const { model, openSteps, ended } = attempt;
  const told = ended ? model.outcome : interrupted(stopped);
  const open = new Set(openSteps);
  const stepOutcome =
    told.kind === "failed" || told.kind === "broken" ? told : interrupted(stopped);
  const end = ended ? Date.parse(model.startedAt) + model.durationMs : Date.parse(lastAt);
  const steps = model.steps.map((step) => {
    if (!open.has(step)) return step;
    const durationMs = Math.max(0, end - Date.parse(step.startedAt));
    return { ...step, outcome: stepOutcome, durationMs };
  });
  const durationMs = ended ? model.durationMs : millisBetween(model.startedAt, lastAt);
  // No attempt is better than its steps, even where its end says so.
  const worst = steps.find(({ outcome }) => outcome.kind === "failed" || outcome.kind === "broken");
  const outcome = told.kind === "passed" && worst !== undefined ? worst.outcome : told;
  return { ...model, outcome, steps, durationMs };
}
