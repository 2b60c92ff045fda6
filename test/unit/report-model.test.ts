import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { foldRun, RunFold, standingOf } from "../../harness/log/run-model.ts";
import {
  at,
  ended,
  fullRun,
  jobFacts,
  killedRun,
  runStarted,
  started,
} from "../golden/report-events.ts";

describe("the fold of a whole run", () => {
  const model = foldRun(fullRun);

  test("counts each job once", () => {
    expect(model.counts).toEqual({
      passed: 1,
      flaky: 1,
      failed: 1,
      broken: 1,
      skipped: 1,
      notRun: 0,
    });
    expect(model.jobs.map(standingOf)).toEqual(["passed", "failed", "broken", "flaky", "skipped"]);
  });

  test("keeps the first outcome of a job that passed when tried again", () => {
    const flaky = model.jobs.find((job) => job.flaky);
    expect(flaky?.outcome.kind).toBe("broken");
    expect(flaky?.attempts.map(({ outcome }) => outcome.kind)).toEqual(["broken", "passed"]);
  });

  test("takes the run's time from its events", () => {
    expect(model.durationMs).toBe(252_000);
    expect(model.stopped).toBeNull();
  });
});

describe("the fold of a killed run", () => {
  const model = foldRun(killedRun);

  test("calls what had begun broken and the rest not run", () => {
    expect(model.jobs.map(({ outcome }) => outcome.kind)).toEqual(["broken", "not-run", "not-run"]);
    expect(model.endedAt).toBeNull();
    expect(model.stopped).toMatch(/killed/);
  });

  test("breaks the step that was under way and keeps those that had ended", () => {
    expect(model.jobs[0]?.attempts[0]?.steps.map(({ outcome }) => outcome.kind)).toEqual([
      "passed",
      "passed",
      "broken",
    ]);
  });
});

test("a fold that is asked midway goes on unharmed", () => {
  const fold = new RunFold();
  for (const event of fullRun) {
    fold.add(event);
    fold.model();
  }
  expect(fold.model()).toEqual(foldRun(fullRun));
});

test("a stopped run gives its reason to the jobs that it did not start", () => {
  const model = foldRun([
    runStarted([jobFacts("a/b")]),
    { type: "run-ended", at: at(3), stopped: "the deadline of 45 min came" },
  ]);
  expect(model.jobs[0]?.outcome).toEqual({
    kind: "not-run",
    reason: "the deadline of 45 min came",
  });
});

describe("a known failure", () => {
  const job = jobFacts("a/b").id;
  const error = { type: "ExpectationFailed", headline: "h", message: "h" };
  const known: RunEvent = {
    type: "known-failure",
    at: at(3),
    job,
    tracker: "https://tracker.example/1",
    until: "2026-12-31",
    expired: false,
    words: "h",
  };
  const first = [
    runStarted([jobFacts("a/b")]),
    started(job, 1),
    ended(job, 1, 2, { kind: "failed", error }),
    known,
    started(job, 4, 2),
  ];
  const knownOf = (...more: RunEvent[]) => foldRun([...first, ...more]).jobs[0]?.known ?? null;

  test("is one no longer when the next attempt fails another way", () => {
    expect(knownOf(ended(job, 4, 5, { kind: "broken", error }, 2))).toBeNull();
  });
  test("stays one when the next attempt fails the same way, which is said again", () => {
    expect(knownOf(ended(job, 4, 5, { kind: "failed", error }, 2), known)).toMatchObject({
      words: "h",
    });
  });
  test("stays one when the next attempt passes", () => {
    expect(knownOf(ended(job, 4, 5, { kind: "passed" }, 2))).not.toBeNull();
  });
});

test("a step that an error left open has the job's error", () => {
  const error = { type: "GuestLost", headline: "lost", message: "lost" };
  const job = jobFacts("a/b").id;
  const model = foldRun([
    runStarted([jobFacts("a/b")]),
    { type: "job-started", at: at(1), job, attempt: 1 },
    { type: "step-started", at: at(2), job, step: "s" },
    {
      type: "job-ended",
      at: at(9),
      job,
      attempt: 1,
      outcome: { kind: "broken", error },
      durationMs: 8000,
    },
  ]);
  expect(model.jobs[0]?.attempts[0]?.steps[0]).toMatchObject({
    outcome: { kind: "broken", error },
    durationMs: 7000,
  });
});

test("steps of the same name get a number", () => {
  const job = jobFacts("a/b").id;
  const one = (type: "step-started" | "step-ended") =>
    type === "step-started"
      ? ({ type, at: at(2), job, step: "boots" } as const)
      : ({
          type,
          at: at(3),
          job,
          step: "boots",
          outcome: { kind: "passed" },
          durationMs: 1000,
        } as const);
  const model = foldRun([
    runStarted([jobFacts("a/b")]),
    { type: "job-started", at: at(1), job, attempt: 1 },
    one("step-started"),
    one("step-ended"),
    one("step-started"),
    one("step-ended"),
  ]);
  const steps = model.jobs[0]?.attempts[0]?.steps ?? [];
  expect(steps.map(({ name, outcome }) => [name, outcome.kind])).toEqual([
    ["boots", "passed"],
    ["boots (2)", "passed"],
  ]);
});

test.each([
  ["no head", [], /begin with 'run-started'/],
  ["two runs", [runStarted([]), runStarted([])], /holds two runs/],
  ["a job twice", [runStarted([jobFacts("a"), jobFacts("a")])], /twice/],
  [
    "an unplanned job",
    [runStarted([]), { type: "job-started", at: at(1), job: "x", attempt: 1 } as const],
    /never planned/,
  ],
])("%s is a usage error", (_name, events, message) => {
  const fold = () => foldRun(events);
  expect(fold).toThrow(UsageError);
  expect(fold).toThrow(message);
});
