/** What a history must not be able to do: keep a job from ever being started. */
import { expect, test } from "vitest";
import {
  expectations,
  historyOf,
  historyText,
  parseHistory,
  untilNow,
} from "../../harness/gate/history/history.ts";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { line } from "../golden/history-lines.ts";
import { fullRun } from "../golden/report-events.ts";

const now = new Date("2026-11-21T12:00:00Z");

test.each([
  ["1e300", 1e300],
  ["more than a day", 86_400_001],
  ["no number", Number.NaN],
  ["less than nothing", -1],
])("a history has no duration of %s", (_, durationMs) => {
  const strange = historyText([line(1, "passed", 10), line(2, "passed", 1, { durationMs })]);
  const parsed = parseHistory(strange.replace("1e+300", "1e300"));
  expect([parsed.lines.length, parsed.damaged]).toEqual([1, 1]);
});
test("nothing is expected by lines from the future", () => {
  const late = new Date(now.getTime() + 86_400_001).toISOString();
  const soon = new Date(now.getTime() + 3_600_000).toISOString();
  const all = [
    line(1, "passed", 10),
    line(2, "passed", 20, { at: soon }),
    line(3, "passed", 90, { at: late }),
  ];
  expect(untilNow(all, now).map(({ run }) => run)).toEqual(["run-1", "run-2"]);
  expect(expectations(untilNow(all, now))("boot/health@qemu-x86_64-uefi")).toBe(15_000);
});

test("a job that was kept for days has a line that is read back", () => {
  const model = foldRun(fullRun);
  const [first] = model.jobs;
  const attempts = first?.attempts.map((attempt) => ({ ...attempt, durationMs: 1e9 })) ?? [];
  const kept = { ...model, jobs: model.jobs.map((job) => ({ ...job, attempts })) };
  expect(parseHistory(historyText(historyOf(kept, noKnownFailures, now))).damaged).toBe(0);
});
