/**
 * One attempt of one job: its story, the evidence of what went wrong, and the end of all it started. Each has a time of
 * its own: the job's limit ends the story only.
 */
import { mkdir } from "node:fs/promises";
import { firstError, outcomeOf, RunStopped } from "../base/errors.ts";
import type { Outcome } from "../base/outcome.ts";
import { startLimit } from "../base/stoppable-limit.ts";
import { formatDuration } from "../base/units.ts";
import { stopReason, untilAborted } from "../base/until-aborted.ts";
import { brokenPromise, type Job } from "./plan.ts";
import { JobStage } from "./stage.ts";
import type { StageOptions } from "./stage-options.ts";
import { StorySkipped } from "./story-skipped.ts";

/** What its stage needs; `signal` is the run's own here, to which the job's limit is added. */
export type AttemptOptions = Omit<StageOptions, "runSignal" | "pauseClock">;

export interface PlayedAttempt {
  readonly outcome: Outcome;
  /** True once a guest was started as a fork of a template. */
  readonly usedFork: boolean;
  /** Null when all machines are off; else what resolves when the last one is. */
  readonly stillEnding: Promise<void> | null;
}

/** Machines end in seconds; what takes longer must not keep the run's reports back. Milliseconds. */
const teardownMs = 60_000;

/** Plays the story. Never throws: whatever happens is in the outcome. */
export async function playAttempt(options: AttemptOptions): Promise<PlayedAttempt> {
  const { job, boot, directory, signal: runSignal } = options;
  const limitMs = job.scenario.definition.timeoutMinutes * 60_000 * boot.timeScale;
  using limit = startLimit(limitMs, () => tooLong(job, limitMs));
  const signal = AbortSignal.any([runSignal, limit.signal]);
  const pauseClock = (): (() => void) => limit.pause();
  const stage = new JobStage({ ...options, signal, runSignal, pauseClock });
  let skipped: string | null = null;
  try {
    await mkdir(directory, { recursive: true });
    // A story that ignores the signal is given up; what it leaves behind is ended below.
    await untilAborted(job.scenario.definition.run(stage), signal);
    // It may have gone on after a step that failed; that makes the step no better.
  } catch (caught) {
    const error = firstError(caught);
    if (error instanceof StorySkipped && !signal.aborted) skipped = error.reason;
    else await stage.failed(signal.aborted ? stopReason(signal) : caught);
  } finally {
    limit[Symbol.dispose]();
  }
  const ending = stage.close();
  const isLate = !(await endsWithin(ending, teardownMs));
  if (isLate) {
    const text = `A machine has not ended within ${formatDuration(teardownMs)}; what it holds of the host stays taken until it has.`;
    options.log({ type: "note", text });
  }
  const { failure, usedFork } = stage;
  const passed: Outcome =
    skipped === null ? { kind: "passed" } : { kind: "skipped", reason: skipped };
  const outcome = failure === null ? passed : outcomeOf(failure.error);
  return { outcome: withPromise(outcome, job), usedFork, stillEnding: isLate ? ending : null };
}

/** A claim that did not hold, told with the promise that it breaks. A guest that did not even boot has broken none. */
function withPromise(outcome: Outcome, job: Job): Outcome {
  if (outcome.kind !== "failed" || outcome.error.type !== "ExpectationFailed") return outcome;
  const promise = brokenPromise(job);
  if (promise === null) return outcome;
  const { error } = outcome;
  const message = `${error.message}\n  promise    ${promise}`;
  return { kind: "failed", error: { ...error, message } };
}

async function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

const tooLong = (job: Job, limitMs: number): RunStopped =>
  new RunStopped(`'${job.scenario.id}' did not end within its ${formatDuration(limitMs)}.`, {
    details: { repeat: job.repeat },
  });
