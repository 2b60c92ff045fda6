import { describe, expect, test } from "vitest";
import { listJson, listText, ofSuite } from "../../harness/cli/commands/list.ts";
import { fitsBefore } from "../../harness/engine/fits-before.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import {
  expectations,
  type HistoryLine,
  historyOf,
  historyText,
  parseHistory,
} from "../../harness/gate/history/history.ts";
import { jobHistories, ratesOf } from "../../harness/gate/history/history-rates.ts";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { historyWords, rateWords } from "../../harness/log/job-history.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { line } from "../golden/history-lines.ts";
import { at, fullRun, greenRun } from "../golden/report-events.ts";

const now = new Date("2026-11-21T12:00:00Z");
const lines = historyOf(foldRun(fullRun), noKnownFailures, now);

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
        accelerator: "tcg",
        runs: 5,
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
  test("an expectation for an accelerator counts only what ran on it", () => {
    const both = [line(1, "passed", 60), line(2, "passed", 6, { accelerator: "kvm" })];
    const job = "boot/health@qemu-x86_64-uefi";
    expect(expectations(both, "kvm")(job)).toBe(6000);
    expect(expectations(both, "tcg")(job)).toBe(60_000);
    expect(expectations(both, "hvf")(job)).toBeNull();
    expect(expectations(both)(job)).toBe(33_000);
  });
  test("keep accelerators and scenarios apart, in order", () => {
    const mixed = [
      line(1, "failed", 60),
      line(1, "passed", 6, { accelerator: "kvm" }),
      line(1, "passed", 1, { scenario: "bootc/switch", job: "bootc/switch@qemu-x86_64-uefi" }),
    ];
    expect(
      ratesOf(mixed).map(({ scenario, accelerator, failureRate, expectedMs }) => [
        scenario,
        accelerator,
        failureRate,
        expectedMs,
      ]),
    ).toEqual([
      ["boot/health", "kvm", 0, 6000],
      ["boot/health", "tcg", 1, null],
      ["bootc/switch", "tcg", 0, 1000],
    ]);
  });
  test("count the jobs of the newest runs that ran", () => {
    const bios = { job: "boot/health@qemu-x86_64-bios" };
    const runs = [
      line(1, "failed", 1),
      ...[2, 3].flatMap((run) => [line(run, "passed", 1), line(run, "broken", 1, bios)]),
      line(4, "skipped", 0),
    ];
    expect(ratesOf(runs, { maxRuns: 2 })).toMatchObject([
      { runs: 2, ran: 4, failed: 0, broken: 2, failureRate: 0.5 },
    ]);
  });
  test("forgets old passes", () => {
    const slowThenFast = [
      ...Array.from({ length: 30 }, (_, run) => line(run, "passed", 100)),
      ...Array.from({ length: 20 }, (_, run) => line(run + 30, "passed", 10)),
    ];
    expect(expectations(slowThenFast)("boot/health@qemu-x86_64-uefi")).toBe(10_000);
  });
});

describe("the history of a run's jobs", () => {
  const model = foldRun(greenRun);
  const job = model.jobs[0]?.id ?? "";
  const past = (seconds: number, standing: HistoryLine["standing"], more = {}): HistoryLine =>
    line(0, standing, 10, { at: at(-seconds), run: `before-${seconds}`, job, ...more });
  const wordsOf = (...earlier: HistoryLine[]): string => {
    const history = jobHistories(earlier, model).get(job);
    return history === undefined ? "none" : historyWords(history);
  };

  test.each<[string, HistoryLine[], string]>([
    ["nothing", [], "none"],
    ["skips alone", [past(1, "skipped"), past(2, "notRun")], "no run before this one on tcg"],
    ["one pass", [past(1, "passed")], "never failed in the last run on tcg"],
    ["one failure", [past(1, "failed")], "failed in the last run on tcg"],
    ["one broken run", [past(1, "broken")], "broke in the last run on tcg"],
    [
      "failures long ago",
      [past(9, "failed"), past(8, "failed"), past(2, "passed"), past(1, "passed")],
      "failed in 2 of the last 4 runs on tcg",
    ],
    [
      "failures of late",
      [past(9, "passed"), past(3, "failed"), past(2, "broken"), past(1, "failed")],
      "failed in 3 of the last 4 runs on tcg (1 of them broken, the last 3 in a row)",
    ],
    [
      "flakes",
      [past(3, "flaky"), past(2, "failed"), past(1, "flaky")],
      "failed in 1 of the last 3 runs on tcg, flaky in 2",
    ],
    ["flakes alone", [past(2, "flaky")], "never failed in the last run on tcg, flaky in 1"],
    ["another job", [past(1, "failed", { job: "x" })], "no run before this one on tcg"],
    [
      "another accelerator",
      [past(1, "failed", { accelerator: "kvm" })],
      "no run before this one on tcg",
    ],
    ["this run", [past(0, "passed", { run: model.run })], "none"],
    ["later runs", [past(-1, "failed")], "none"],
  ])("of %s", (_, earlier, words) => {
    expect(wordsOf(...earlier)).toBe(words);
  });

  test("looks at the newest 30 runs and expects the median of passes", () => {
    const earlier = [
      ...Array.from({ length: 20 }, (_, index) => past(100 - index, "failed")),
      ...Array.from({ length: 30 }, (_, index) => past(50 - index, "passed")),
    ];
    expect(jobHistories(earlier, model).get(job)).toEqual({
      accelerator: "tcg",
      runs: 30,
      ran: 30,
      failed: 0,
      broken: 0,
      flaky: 0,
      failureRate: 0,
      flakeRate: 0,
      expectedMs: 10_000,
      failingFor: 0,
    });
  });

  test("takes the accelerator from the guests where they say one", () => {
    const merged = { ...model, host: { ...model.host, accelerator: "kvm, tcg" } };
    expect(jobHistories([past(1, "passed")], merged).get(job)).toMatchObject({ runs: 1 });
    expect(historyOf(merged, noKnownFailures, now)[0]?.accelerator).toBe("tcg");
  });
});

test.each([
  [0, 0, "-"],
  [0, 30, "0 of 30 (0 %)"],
  [2, 30, "2 of 30 (7 %)"],
  [1, 1000, "1 of 1000 (<1 %)"],
  [30, 30, "30 of 30 (100 %)"],
])("rateWords(%i, %i) is %s", (count, ran, words) => {
  expect(rateWords(count, ran)).toBe(words);
});

describe("the list of scenarios", () => {
  const scenario = (id: string, summary: string): LoadedScenario => ({
    id,
    definition: {
      summary,
      needs: { images: ["candidate"] },
      timeoutMinutes: 5,
      run: async () => {},
    },
  });
  const scenarios = [scenario("boot/health", "All is well"), scenario("boot/never-run", "Later")];
  const rates = ratesOf([
    line(1, "passed", 42),
    line(2, "failed", 9),
    line(3, "flaky", 9),
    line(3, "passed", 4, { accelerator: "kvm" }),
  ]);

  test("names only those of a suite where one is asked for", () => {
    const [daily, rare] = scenarios;
    if (daily === undefined || rare === undefined) throw new Error("two scenarios are needed");
    const all = [daily, { ...rare, definition: { ...rare.definition, suite: "full" as const } }];
    const idsOf = (suite?: "gate" | "full") => ofSuite(all, suite).map(({ id }) => id);
    expect(idsOf("gate")).toEqual(["boot/health"]);
    expect(idsOf("full")).toEqual(idsOf());
    expect(JSON.parse(listJson(all, null))).toMatchObject([
      { suites: ["gate", "full"] },
      { suites: ["full"] },
    ]);
  });

  test("has a row for each accelerator when there is a history", () => {
    expect(listText(scenarios, rates).split("\n")).toEqual([
      "scenario        runs  failed or broken  flaky          expected  on   proves",
      "boot/health     1     0 of 1 (0 %)      0 of 1 (0 %)   4.0 s     kvm  All is well",
      "boot/health     3     1 of 3 (33 %)     1 of 3 (33 %)  42.0 s    tcg  All is well",
      "boot/never-run  0     -                 -              -         -    Later",
      "",
    ]);
  });
  test("is one scenario a line without", () => {
    expect(listText(scenarios, null).split("\n")).toEqual([
      "scenario        suite  min  needs      proves",
      "boot/health     gate   5    candidate  All is well",
      "boot/never-run  gate   5    candidate  Later",
      "",
    ]);
    expect(listText([], null)).toBe("");
  });
  test("has the rates in its JSON, by accelerator", () => {
    const rows = JSON.parse(listJson(scenarios, rates));
    expect(rows[0].history).toMatchObject([
      { accelerator: "kvm", runs: 1, expectedMs: 4000 },
      { accelerator: "tcg", runs: 3, failureRate: 1 / 3, flakeRate: 1 / 3, expectedMs: 42_000 },
    ]);
    expect(rows[1].history).toEqual([]);
    expect(JSON.parse(listJson(scenarios, null))[0]).not.toHaveProperty("history");
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
