/**
 * The time a CI leaves for its job, where the CI says it: GitLab sets `CI_JOB_TIMEOUT` (seconds) and
 * `CI_JOB_STARTED_AT` (ISO 8601) for every job (docs.gitlab.com, predefined CI/CD variables). Others say nothing; there
 * `--deadline` is needed.
 */

/** Milliseconds from now to the CI's own limit; null when no CI says one or what it says is not a time. */
export function ciDeadlineMs(env: NodeJS.ProcessEnv, now: Date): number | null {
  const seconds = Number(env.CI_JOB_TIMEOUT ?? Number.NaN);
  if (!Number.isFinite(seconds) || seconds <= 0) return null;
  const started = Date.parse(env.CI_JOB_STARTED_AT ?? "");
  const usedMs = Number.isNaN(started) ? 0 : Math.max(0, now.getTime() - started);
  return Math.max(1000, seconds * 1000 - usedMs);
}
