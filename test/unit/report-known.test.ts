/** A known failure shows in every report with its true outcome beside it. */
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../harness/base/events.ts";
import { renderAll } from "../../reports/render-all.ts";
import { foldRun } from "../../reports/run-model.ts";
import { at, runStarted } from "./support/one-job-run.ts";

const job = "boot/health@qemu-x86_64-uefi";
const tracker = "https://tracker.example/issues/7";

function run(expired: boolean): RunEvent[] {
  const error = { type: "ExpectationFailed", headline: "1 unit failed", message: "1 unit failed" };
  return [
    runStarted(job),
    { type: "job-started", at, job, attempt: 1 },
    { type: "step-started", at, job, step: "no unit has failed" },
    {
      type: "step-ended",
      at,
      job,
      step: "no unit has failed",
      outcome: { kind: "failed", error },
      durationMs: 1,
    },
    { type: "job-ended", at, job, attempt: 1, outcome: { kind: "failed", error }, durationMs: 1 },
    {
      type: "known-failure",
      at,
      job,
      tracker,
      until: "2026-12-31",
      expired,
      words: "1 unit failed",
    },
    { type: "run-ended", at },
  ];
}

describe.each(["summary.txt", "summary.md", "junit.xml", "report.html", "results.json"])(
  "%s",
  (name) => {
    test("names the tracker, and the job is still failed", () => {
      const model = foldRun(run(false));
      const text = renderAll(model).get(name) ?? "";
      expect(text).toContain("tracker.example/issues/7");
      expect(text).toMatch(/fail/i);
      expect(model.counts.failed).toBe(1);
    });
  },
);

test("an expired entry says so", () => {
  expect(renderAll(foldRun(run(true))).get("summary.txt")).toContain(
    "known until 2026-12-31, which is over",
  );
});

test("a failure that is not listed says nothing of the kind", () => {
  const events = run(false).filter(({ type }) => type !== "known-failure");
  expect(renderAll(foldRun(events)).get("summary.txt")).not.toContain("known");
});
