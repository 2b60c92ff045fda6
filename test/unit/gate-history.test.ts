import { describe, expect, test } from "vitest";
import { fitsBefore } from "../../reports/gate/deadline.ts";
import {
  expectations,
  type HistoryLine,
  historyOf,
  historyText,
  parseHistory,
  ratesOf,
} from "../../reports/gate/history.ts";
import { noKnownFailures } from "../../reports/gate/known-failures.ts";
import { foldRun } from "../../reports/run-model.ts";
import { fullRun } from "../golden/report-events.ts";

const now = new Date("2026-11-21T12:00:00Z");
const lines = historyOf(foldRun(fullRun), noKnownFailures, now);

const line = (run: number, standing: HistoryLine["standing"], seconds: number): HistoryLine => ({
  version: 1,
  at: new Date(Date.UTC(2026, 10, 1, run)).toISOString(),
  run: `run-${run}`,
  job: "boot/health@qemu-x86_64-uefi",
  scenario: "boot/health",
  image: "reference:v2",
  digest: "sha256:2",
  accelerator: "tcg",
  standing,
  durationMs: seconds * 1000,
  attempts: 1,
});

test("a run has one line a job, read back as it was written", () => {
  expect(lines.map(({ standing }) => standing)).toEqual([
    "passed",
    "failed",
    "broken",
    "flaky",
    "skipped",
  ]);
  expect(parseHistory(historyText(lines))).toEqual({ lines, damaged: 0 });
});

describe("a damaged history", () => {
  const text = historyText([line(1, "passed", 10), line(2, "passed", 20)]);
  test.each([
    ["half a last line", text.slice(0, -30), 1, 1],
    ["half a line before a whole one", `{"version":1,"at\n${text}`, 2, 1],
    ["a line of another version", text.replace('"version":1', '"version":2'), 1, 1],
    ["blank lines", `\n\n${text}\n`, 2, 0],
    ["nothing", "", 0, 0],
    ["the same line twice", text + text, 2, 0],
    ["garbage", "\0\u0001[1,2]\nnull\n", 0, 2],
  ])("%s", (_, damagedText, whole, damaged) => {
    const parsed = parseHistory(damagedText);
    expect([parsed.lines.length, parsed.damaged]).toEqual([whole, damaged]);
  });
  test("is put in order of time", () => {
    const parsed = parseHistory(historyText([line(3, "passed", 1), line(1, "passed", 1)]));
    expect(parsed.lines.map(({ run }) => run)).toEqual(["run-1", "run-3"]);
  });
});

describe("rates", () => {
  const many = [
    line(1, "passed", 10),
    line(2, "failed", 90),
    line(3, "flaky", 99),
    line(4, "passed", 30),
    line(5, "broken", 1),
    line(6, "skipped", 0),
    line(7, "notRun", 0),
  ];
  test("count what ran, and expect the median of passes", () => {
    expect(ratesOf(many)).toEqual([
      {
        scenario: "boot/health",
        ran: 5,
        failed: 1,
        broken: 1,
        flaky: 1,
        failureRate: 0.4,
        flakeRate: 0.2,
        expectedMs: 20_000,
      },
    ]);
  });
  test("are zero where nothing ran", () => {
    expect(ratesOf([line(1, "skipped", 0)])).toMatchObject([
      { ran: 0, failureRate: 0, flakeRate: 0, expectedMs: null },
    ]);
  });
  test("an expectation is a job's own", () => {
    const expectedMs = expectations(many);
    expect(expectedMs("boot/health@qemu-x86_64-uefi")).toBe(20_000);
    expect(expectedMs("boot/health@qemu-x86_64-bios")).toBeNull();
    expect(expectations([line(1, "failed", 9)])("boot/health@qemu-x86_64-uefi")).toBeNull();
  });
  test("forgets old passes", () => {
    const slowThenFast = [
      ...Array.from({ length: 30 }, (_, run) => line(run, "passed", 100)),
      ...Array.from({ length: 20 }, (_, run) => line(run + 30, "passed", 10)),
    ];
    expect(expectations(slowThenFast)("boot/health@qemu-x86_64-uefi")).toBe(10_000);
  });
});

describe("admission before a deadline", () => {
  test.each([
    [{ expectedMs: 1000, remainingMs: 1250 }, true],
    [{ expectedMs: 1000, remainingMs: 1249 }, false],
    [{ expectedMs: 1000, remainingMs: 1000, safety: 1 }, true],
    [{ expectedMs: null, remainingMs: 1 }, true],
    [{ expectedMs: null, remainingMs: 0 }, false],
    [{ expectedMs: 0, remainingMs: -1 }, false],
  ])("%j fits: %s", (fit, expected) => {
    expect(fitsBefore(fit)).toBe(expected);
  });
});
