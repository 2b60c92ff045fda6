/** When a run has to end: the CI's own time limit, and the one that was asked for. */
import { describe, expect, test } from "vitest";
import { chooseDeadline, ciDeadlineMs } from "../../harness/cli/ci-deadline.ts";

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

describe("the deadline", () => {
  const gitlab = { CI_JOB_TIMEOUT: "3600", CI_JOB_STARTED_AT: "2026-11-21T10:00:00Z" };
  const choose = (askedMs: number | undefined, env: NodeJS.ProcessEnv) =>
    chooseDeadline({ askedMs, usedMs: 120_000, env, now });

  test("counts from the start of the command, not from when its images were ready", () => {
    expect(choose(600_000, {})).toEqual({ remainingMs: 480_000, line: null });
    expect(choose(60_000, {})).toEqual({ remainingMs: -60_000, line: null });
  });
  test("is the CI's where none was asked for, and none where nobody sets one", () => {
    expect(choose(undefined, gitlab)).toEqual({ remainingMs: 3_000_000, line: null });
    expect(choose(undefined, {})).toBeNull();
  });
  test("is the earlier of two, and a line says which", () => {
    expect(choose(7_200_000, gitlab)).toEqual({
      remainingMs: 3_000_000,
      line: "The run's deadline is the CI's own: the CI ends its job in 50 min 00 s (CI_JOB_TIMEOUT), --deadline is in 118 min 00 s.",
    });
    expect(choose(600_000, gitlab)).toEqual({
      remainingMs: 480_000,
      line: "The run's deadline is the one asked for: --deadline is in 8 min 00 s, the CI ends its job in 50 min 00 s (CI_JOB_TIMEOUT).",
    });
  });
});
