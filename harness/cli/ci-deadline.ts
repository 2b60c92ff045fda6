/**
 * When a run has to end. GitLab tells its limit to every job: `CI_JOB_TIMEOUT` (seconds) and `CI_JOB_STARTED_AT` (ISO
 * 8601; docs.gitlab.com, predefined CI/CD variables). Others say nothing; there `--deadline` is needed. Time counts from
 * the start of the command: building an image is part of what a CI waits for.
 */
import { formatDuration } from "../base/units.ts";

/** Milliseconds from now to the CI's own limit; null when no CI says one or what it says is not a time. */
export function ciDeadlineMs(env: NodeJS.ProcessEnv, now: Date): number | null {
  const seconds = Number(env.CI_JOB_TIMEOUT ?? Number.NaN);
  if (!Number.isFinite(seconds) || seconds <= 0) return null;
  const started = Date.parse(env.CI_JOB_STARTED_AT ?? "");
  const usedMs = Number.isNaN(started) ? 0 : Math.max(0, now.getTime() - started);
  return Math.max(1000, seconds * 1000 - usedMs);
}

export interface DeadlineRequest {
  /** `--deadline`, from the start of the command. */
  readonly askedMs: number | undefined;
  /** Time since the start of the command. */
  readonly usedMs: number;
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
}

export interface ChosenDeadline {
  /** Milliseconds from now; below zero when it is over already. */
  readonly remainingMs: number;
  /** What a person has to be told, where there were two to choose from. */
  readonly line: string | null;
}

/** The earlier of what was asked for and what the CI says; null when nobody sets a limit. */
export function chooseDeadline({
  askedMs,
  usedMs,
  env,
  now,
}: DeadlineRequest): ChosenDeadline | null {
  const ciMs = ciDeadlineMs(env, now);
  if (askedMs === undefined) return ciMs === null ? null : { remainingMs: ciMs, line: null };
  const ownMs = askedMs - usedMs;
  if (ciMs === null) return { remainingMs: ownMs, line: null };
  const ci = `the CI ends its job in ${formatDuration(ciMs)} (CI_JOB_TIMEOUT)`;
  const own = `--deadline is in ${formatDuration(Math.max(0, ownMs))}`;
  return ciMs < ownMs
    ? { remainingMs: ciMs, line: `The run's deadline is the CI's own: ${ci}, ${own}.` }
    : { remainingMs: ownMs, line: `The run's deadline is the one asked for: ${own}, ${ci}.` };
}
