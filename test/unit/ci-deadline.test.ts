/** When a run has to end: the CI's own time limit, and the one that was asked for. */
import { describe, expect, test, vi } from "vitest";
import { chooseDeadline, ciLimit } from "../../harness/cli/wiring/ci-deadline.ts";

const now = new Date("2026-11-21T10:10:00Z");

const hour = { CI_JOB_TIMEOUT: "3600" };
const startedAt = (text: string): NodeJS.ProcessEnv => ({ ...hour, CI_JOB_STARTED_AT: text });
const limitOf = (env: NodeJS.ProcessEnv) => {
  const notes: string[] = [];
  const limit = ciLimit({ env, now, note: (line) => notes.push(line) });
  return { remainingMs: limit?.remainingMs ?? null, notes };
};

test.each<[string, NodeJS.ProcessEnv, number | null]>([
  ["no CI", {}, null],
  ["an empty limit", { CI_JOB_TIMEOUT: "" }, null],
  ["GitLab, ten minutes into an hour", startedAt("2026-11-21T10:00:00Z"), 3_000_000],
  ["another zone", startedAt("2026-11-21T12:00:00.500+02:00"), 3_000_500],
  ["a server's clock that is ahead a little", startedAt("2026-11-21T10:10:30Z"), 3_600_000],
  ["without a start", hour, 3_600_000],
  ["over time already", { ...startedAt("2026-11-21T09:00:00Z"), CI_JOB_TIMEOUT: "60" }, 1000],
])("%s", (_, env, remainingMs) => {
  expect(limitOf(env)).toEqual({ remainingMs, notes: [] });
});

test.each(["0x10", "1e3", "1h", "0", "-5", " 60", "60.5", "Infinity", "9".repeat(40)])(
  "a limit of '%s' is none, and a note says so",
  (text) => {
    const { remainingMs, notes } = limitOf({ CI_JOB_TIMEOUT: text });
    expect(remainingMs).toBeNull();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(
      /^CI_JOB_TIMEOUT is ignored: expected whole seconds above 0, .* got '/,
    );
  },
);

test.each([
  ["2026", /expected a date and time with a zone/],
  ["soon", /expected a date and time with a zone/],
  ["2026-11-21", /expected a date and time with a zone/],
  ["2026-11-21T10:00:00", /expected a date and time with a zone/],
  ["2026-02-30T10:00:00Z", /expected a date and time with a zone/],
  ["2027-01-01T00:00:00Z", /expected a time that has come/],
])("a start of '%s' is none: the limit counts from now, and a note says so", (text, expected) => {
  const { remainingMs, notes } = limitOf(startedAt(text));
  expect(remainingMs).toBe(3_600_000);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toMatch(
    /^CI_JOB_STARTED_AT is ignored: .*CI_JOB_TIMEOUT is counted from now\.$/,
  );
  expect(notes[0]).toMatch(expected);
});

test("what a CI says is quoted on one line", () => {
  const { notes } = limitOf({ CI_JOB_TIMEOUT: `1\n::error::${"x".repeat(1000)}` });
  expect(notes[0]).not.toContain("\n");
  expect(notes[0]?.length).toBeLessThan(250);
});

test("without anybody to tell, notes go to standard error", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  ciLimit({ env: { CI_JOB_TIMEOUT: "soon" }, now });
  expect(write).toHaveBeenCalledWith(expect.stringMatching(/^CI_JOB_TIMEOUT is ignored.*\n$/));
  write.mockRestore();
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
  test.each([undefined, 7_200_000])(
    "that was over at the start says whose it is (asked: %s)",
    (asked) => {
      const late = { CI_JOB_TIMEOUT: "60", CI_JOB_STARTED_AT: "2026-11-21T09:00:00Z" };
      expect(choose(asked, late)).toEqual({
        remainingMs: 1000,
        line: "The CI's limit for this job is over already, so the run ends at once: CI_JOB_TIMEOUT is 60 s, CI_JOB_STARTED_AT is 2026-11-21T09:00:00Z, 70 min 00 s ago.",
      });
    },
  );
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
