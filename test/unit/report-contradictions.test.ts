/** Logs that were put together by somebody, or by a fault of ours: nothing of them may look green. */
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { type RunEvent, runEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import {
  at,
  bootFailed,
  ended,
  jobFacts,
  runStarted,
  started,
  step,
} from "../golden/report-events.ts";

const facts = jobFacts("boot/health");
const { id } = facts;
const end: RunEvent = { type: "run-ended", at: at(100) };
const passed = { kind: "passed" } as const;
const failed = { kind: "failed", error: bootFailed } as const;
const log = (...events: RunEvent[]): RunEvent[] => [runStarted([facts]), ...events, end];
const whole = [started(id, 1), ...step(id, 1, 2, "boots"), ended(id, 1, 3)];

describe("a log that contradicts itself is refused", () => {
  test.each<[string, RunEvent[], RegExp]>([
    ["an end after the run's end", [...log(), ended(id, 1, 3)], /after the run's end/],
    ["a pass that was never begun", log(ended(id, 1, 3)), /ends attempt 1 as 'passed'/],
    ["a failure that was never begun", log(ended(id, 1, 3, failed)), /never began it/],
    ["a second end", log(...whole, ended(id, 3, 4)), /ends attempt 1 as 'passed'/],
    ["a second attempt first", log(started(id, 1, 2)), /starts attempt 2 out of turn/],
    ["an attempt twice", log(...whole, started(id, 4, 1)), /starts attempt 1 out of turn/],
    ["an attempt in an attempt", log(started(id, 1), started(id, 2, 2)), /out of turn/],
    ["an end of another attempt", log(started(id, 1), ended(id, 1, 3, passed, 2)), /attempt 2/],
    [
      "a start of what was skipped",
      [runStarted([{ ...facts, skip: "no disk" }]), ...whole],
      /starts although it was skipped/,
    ],
    [
      "the same case under two names",
      [runStarted([facts, { ...facts, id: "boot/health@other" }]), end],
      /plans the job 'boot\/health@other' twice/,
    ],
  ])("%s", (_, events, words) => {
    expect(() => foldRun(events)).toThrow(UsageError);
    expect(() => foldRun(events)).toThrow(words);
  });

  test("a digest that is none", () => {
    const { candidate } = facts.images;
    const images = { candidate: { ...candidate, digest: "" } };
    expect(runEvent.safeParse(runStarted([facts])).success).toBe(true);
    expect(runEvent.safeParse(runStarted([{ ...facts, images } as never])).success).toBe(false);
  });
});

describe("no attempt is better than its steps", () => {
  const outcomeOf = (...events: RunEvent[]) => foldRun(log(...events)).jobs[0]?.outcome.kind;
  test.each([
    ["a failed step", [started(id, 1), ...step(id, 1, 2, "boots", failed), ended(id, 1, 3)]],
    [
      "a step that never ended",
      [started(id, 1), ...step(id, 1, 2, "x").slice(0, 1), ended(id, 1, 3)],
    ],
  ] as const)("%s in an attempt that is said to have passed", (_, events) => {
    expect(outcomeOf(...events)).toMatch(/^(?:failed|broken)$/);
  });

  test("what is in order passes", () => {
    expect(outcomeOf(...whole)).toBe("passed");
  });
});

test("what never had room is broken without a start, and a note before the start is not an attempt", () => {
  const broken = { kind: "broken", error: bootFailed } as const;
  expect(foldRun(log(ended(id, 1, 1, broken))).jobs[0]?.outcome.kind).toBe("broken");
  const note: RunEvent = { type: "note", at: at(0), job: id, text: "first" };
  const [job] = foldRun(log(note, ...whole)).jobs;
  expect([job?.attempts.length, job?.attempts[0]?.notes]).toEqual([1, ["first"]]);
});
