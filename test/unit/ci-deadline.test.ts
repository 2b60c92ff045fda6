/** The CI's own time limit. */
import { expect, test } from "vitest";
import { ciDeadlineMs } from "../../harness/cli/ci-deadline.ts";

const now = new Date("2026-11-21T10:10:00Z");

test.each<[string, NodeJS.ProcessEnv, number | null]>([
  ["no CI", {}, null],
  [
    "GitLab, ten minutes into an hour",
    { CI_JOB_TIMEOUT: "3600", CI_JOB_STARTED_AT: "2026-11-21T10:00:00Z" },
    3_000_000,
  ],
  ["without a start", { CI_JOB_TIMEOUT: "3600" }, 3_600_000],
  ["a start that is none", { CI_JOB_TIMEOUT: "3600", CI_JOB_STARTED_AT: "soon" }, 3_600_000],
  ["over time already", { CI_JOB_TIMEOUT: "60", CI_JOB_STARTED_AT: "2026-11-21T09:00:00Z" }, 1000],
  ["a limit that is none", { CI_JOB_TIMEOUT: "1h" }, null],
  ["zero", { CI_JOB_TIMEOUT: "0" }, null],
])("%s", (_, env, expected) => {
  expect(ciDeadlineMs(env, now)).toBe(expected);
});
