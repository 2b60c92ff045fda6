/**
 * When a run has to end. GitLab tells its limit to every job: `CI_JOB_TIMEOUT` (seconds) and `CI_JOB_STARTED_AT` (ISO
 * 8601; docs.gitlab.com, predefined CI/CD variables). Others say nothing; there `--deadline` is needed. Time counts from
 * the start of the command: building an image is part of what a CI waits for.
 */
import { z } from "zod";
import { formatDuration } from "../../base/units.ts";
import { oneLine } from "../../log/clean-text.ts";

/** What a CI says of its job's limit. */
export interface CiLimit {
  /** Milliseconds from now; a second at least, so that a run still begins and says why it ends. */
  readonly remainingMs: number;
  /** Where it comes from, with the values that say so: `CI_JOB_TIMEOUT is 3600 s`. */
  readonly source: string;
  /** Whether it was over before the run began. */
  readonly isOver: boolean;
}

export interface CiLimitRequest {
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
  /** Hears of a variable that is not used, as a sentence; standard error unless told. */
  readonly note?: (line: string) => void;
}

const tellOnStandardError = (line: string): void => void process.stderr.write(`${line}\n`);
const wholeSeconds = /^0*[1-9]\d{0,11}$/;
const instant = z.iso.datetime({ offset: true });
/** By which the clocks of a CI's server and of its runner may well differ. */
const clockSkewMs = 60_000;

/** The CI's own limit; null when no CI says one or what it says is not a time, which is noted. */
export function ciLimit({ env, now, note = tellOnStandardError }: CiLimitRequest): CiLimit | null {
  const { CI_JOB_TIMEOUT: timeout = "", CI_JOB_STARTED_AT: startedAt = "" } = env;
  if (timeout === "") return null;
  if (!wholeSeconds.test(timeout)) {
    note(
      `CI_JOB_TIMEOUT is ignored: expected whole seconds above 0, such as 3600, got '${oneLine(timeout, 60)}'. The run has no limit but --deadline.`,
    );
    return null;
  }
  const seconds = Number(timeout);
  const usedMs = sinceStart(startedAt, now, note);
  const leftMs = seconds * 1000 - (usedMs ?? 0);
  const start =
    usedMs === null ? "" : `, CI_JOB_STARTED_AT is ${startedAt}, ${formatDuration(usedMs)} ago`;
  return {
    remainingMs: Math.max(1000, leftMs),
    source: `CI_JOB_TIMEOUT is ${seconds} s${start}`,
    isOver: leftMs <= 0,
  };
}

/** Milliseconds since the job began; null when nobody says when that was. */
function sinceStart(startedAt: string, now: Date, note: (line: string) => void): number | null {
  if (startedAt === "") return null;
  const usedMs = instant.safeParse(startedAt).success
    ? now.getTime() - Date.parse(startedAt)
    : Number.NaN;
  if (usedMs >= -clockSkewMs) return Math.max(0, usedMs);
  const expected = Number.isNaN(usedMs)
    ? "a date and time with a zone, such as 2026-11-21T07:31:00Z"
    : `a time that has come (it is ${now.toISOString()})`;
  note(
    `CI_JOB_STARTED_AT is ignored: expected ${expected}, got '${oneLine(startedAt, 60)}'. CI_JOB_TIMEOUT is counted from now.`,
  );
  return null;
}

export interface DeadlineRequest extends CiLimitRequest {
  /** `--deadline`, from the start of the command. */
  readonly askedMs: number | undefined;
  /** Time since the start of the command. */
  readonly usedMs: number;
}

export interface ChosenDeadline {
  /** Milliseconds from now; below zero when it is over already. */
  readonly remainingMs: number;
  /** What a person has to be told: which of two it is, or whose limit is over before anything began. */
  readonly line: string | null;
}

/** The earlier of what was asked for and what the CI says; null when nobody sets a limit. */
export function chooseDeadline(request: DeadlineRequest): ChosenDeadline | null {
  const { askedMs, usedMs } = request;
  const limit = ciLimit(request);
  if (limit === null)
    return askedMs === undefined ? null : { remainingMs: askedMs - usedMs, line: null };
  const { remainingMs, source, isOver } = limit;
  if (isOver)
    return {
      remainingMs: Math.min(remainingMs, (askedMs ?? Number.POSITIVE_INFINITY) - usedMs),
      line: `The CI's limit for this job is over already, so the run ends at once: ${source}.`,
    };
  if (askedMs === undefined) return { remainingMs, line: null };
  const ownMs = askedMs - usedMs;
  const ci = `the CI ends its job in ${formatDuration(remainingMs)} (CI_JOB_TIMEOUT)`;
  const own = `--deadline is in ${formatDuration(Math.max(0, ownMs))}`;
  return remainingMs < ownMs
    ? { remainingMs, line: `The run's deadline is the CI's own: ${ci}, ${own}.` }
    : { remainingMs: ownMs, line: `The run's deadline is the one asked for: ${own}, ${ci}.` };
}
