/** A known failure and a flake show in every report, each with its true outcome beside it. */
import { describe, expect, test } from "vitest";
import type { RunModel } from "../../harness/log/model-schema.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { liveLines } from "../../reports/live.ts";
import { reportFiles } from "../../reports/render-all.ts";
import { fullRun } from "../golden/report-events.ts";
import { renderAll } from "../golden/report-inputs.ts";
import { jobOf, knownRun, type Scenario, trackerOf } from "../golden/report-known-run.ts";

const model = foldRun(knownRun);
const reports = [...renderAll(model)];
const knownOnes: readonly Scenario[] = ["boot/listed", "boot/expired", "boot/lost"];

/** The word of an outcome; JUnit says it by an element. */
const outcomeWords = { failed: /\bfailed\b|<failure /i, broken: /\bbroken\b|<error /i };

/** What Markdown, HTML and XML escape, made plain. */
const plain = (text: string): string => text.replaceAll("&#47;", "/").replace(/\\(?=[^"\\])/gu, "");

/** The pieces of a text around each place of `own`, up to the next place of any of `others`: what is said of one alone. */
function said(text: string, own: RegExp, others: readonly RegExp[]): string[] {
  const places = others.flatMap((other) => [...text.matchAll(other)].map(({ index }) => index));
  return [...text.matchAll(own)].map(({ index }) => {
    const before = places.filter((place) => place < index);
    const after = places.filter((place) => place > index);
    return text.slice(Math.max(0, ...before), Math.min(text.length, ...after));
  });
}

const exactly = (text: string): RegExp =>
  new RegExp(`${text.replaceAll(/[./]/g, "[./]")}\\b`, "gu");

/** What a report does not say of the known failures of the run, one complaint each. */
function forgotten(text: string): string[] {
  return knownOnes.flatMap((scenario) => {
    const others = knownOnes.filter((other) => other !== scenario).map(trackerOf);
    const pieces = said(plain(text), exactly(trackerOf(scenario)), others.map(exactly));
    if (pieces.length === 0) return [`${scenario}: no tracker`];
    const outcome = scenario === "boot/lost" ? "broken" : "failed";
    const told = pieces.some((piece) => outcomeWords[outcome].test(piece));
    return told ? [] : [`${scenario}: not that it ${outcome}`];
  });
}

function saysFlaky(text: string): boolean {
  const others = ["boot/fine", ...knownOnes].map(exactly);
  const pieces = said(plain(text), exactly("boot/retried"), others);
  return pieces.some((piece) => /flaky(?!": false)/iu.test(piece));
}

describe.each(reports)("%s", (name, text) => {
  test("names each tracker beside the true outcome", () => {
    expect(forgotten(text)).toEqual([]);
  });

  test("shows a flake as one", () => {
    expect(saysFlaky(text)).toBe(true);
  });

  test("says so on the first line of each failing case", () => {
    const form = firstLines[name];
    expect(form, `no first line is told for ${name}`).toBeDefined();
    for (const line of form?.(model) ?? []) expect(plain(text)).toContain(line);
  });
});

test("no report may forget: one that does is found", () => {
  const outcomesOnly = model.jobs.map(({ id, outcome }) => `${id} ${outcome.kind}`).join("\n");
  expect(forgotten(outcomesOnly)).toEqual(knownOnes.map((scenario) => `${scenario}: no tracker`));
  expect(saysFlaky(outcomesOnly)).toBe(false);
  const trackersOnly = knownOnes.map((scenario) => `${scenario} ${trackerOf(scenario)}`).join("\n");
  expect(forgotten(trackersOnly)).toHaveLength(3);
  const washed = JSON.stringify(model.jobs).replaceAll(/failed|broken/g, "passed");
  expect(forgotten(washed)).toHaveLength(3);
});

const until = (scenario: Scenario): string =>
  scenario === "boot/expired"
    ? `known until 2026-10-31, which is over: ${trackerOf(scenario)}`
    : `known until 2026-12-31: ${trackerOf(scenario)}`;
const headline = (scenario: Scenario): string =>
  `${until(scenario)} — 1 unit of ${scenario} is wrong`;

/** How the first line of each known case begins, by report; a report that is not listed fails the test above. */
const firstLines: Readonly<Record<string, (model: RunModel) => string[]>> = {
  "junit.xml": () => [
    `<failure message="${headline("boot/listed")}" type="ExpectationFailed"><![CDATA[${until("boot/listed")}\n`,
    `<failure message="${headline("boot/expired")}" type="ExpectationFailed"><![CDATA[${until("boot/expired")}\n`,
    `<error message="${headline("boot/lost")}" type="GuestLost"><![CDATA[${until("boot/lost")}\n`,
  ],
  "report.html": () =>
    knownOnes.map((scenario) => `<span class="why">${headline(scenario)}</span>`),
  "summary.txt": () => [
    `\nfailed: boot/listed on qemu x86_64 uefi, ${until("boot/listed")}\n`,
    `\nfailed: boot/expired on qemu x86_64 uefi, ${until("boot/expired")}\n`,
    `\nbroken: boot/lost on qemu x86_64 uefi, ${until("boot/lost")}\n`,
  ],
  "summary.md": () => [
    `❌ failed: boot/listed on qemu x86_64 uefi, ${until("boot/listed")}</summary>`,
    `❌ failed: boot/expired on qemu x86_64 uefi, ${until("boot/expired")}</summary>`,
    `🛠️ broken: boot/lost on qemu x86_64 uefi, ${until("boot/lost")}</summary>`,
  ],
  // For programs: the facts apart, the outcome as it was.
  "results.json": () => knownOnes.map((scenario) => `"tracker": "${trackerOf(scenario)}"`),
  "ctrf.json": () => knownOnes.map((scenario) => `"message": "${headline(scenario)}"`),
  "report.tap": () => [
    `not ok 2 - ${jobOf("boot/listed")}: no unit has failed\n  ---\n  known: "${until("boot/listed")}"`,
    `not ok 3 - ${jobOf("boot/expired")}: no unit has failed\n  ---\n  known: "${until("boot/expired")}"`,
    `not ok 4 - ${jobOf("boot/lost")}: no unit has failed\n  ---\n  known: "${until("boot/lost")}"`,
  ],
  "konflux.json": () => [
    `boot/listed failed, ${until("boot/listed")};`,
    `boot/expired failed: ${headline("boot/expired")} (and 2 more)`,
    `boot/lost broken, ${until("boot/lost")};`,
  ],
  "resultsdb.json": () => knownOnes.map((scenario) => `"note": "${headline(scenario)}"`),
};

test("every report is looked at", () => {
  expect(reports.map(([name]) => name)).toEqual(reportFiles);
});

describe("being known changes no outcome", () => {
  const unknown = foldRun(knownRun.filter(({ type }) => type !== "known-failure"));
  const textOf = (run: RunModel, name: string): string => renderAll(run).get(name) ?? "";

  test("the counts are the same", () => {
    expect(model.counts).toEqual(unknown.counts);
    expect(model.counts).toMatchObject({ passed: 1, flaky: 1, failed: 2, broken: 1 });
  });
  test.each([
    ["TAP points", "report.tap", /^(?:not )?ok.*$/gmu],
    ["CTRF statuses", "ctrf.json", /"(?:status|rawStatus)": ".*"/gu],
    ["ResultsDB outcomes", "resultsdb.json", /"outcome": ".*"/gu],
    [
      "Konflux's result and counts",
      "konflux.json",
      /"(?:result|successes|failures|warnings)":[^,}]*/gu,
    ],
    ["JUnit's elements", "junit.xml", /<(?:testcase|failure|error|flakyFailure|skipped)\b/gu],
  ])("%s", (_, name, facts) => {
    const found = textOf(model, name).match(facts);
    expect(found?.length).toBeGreaterThan(0);
    expect(found).toEqual(textOf(unknown, name).match(facts));
  });
  test("TAP has no TODO, which every reader lets pass", () => {
    expect(textOf(model, "report.tap")).not.toMatch(/TODO/i);
  });
  test("a failure that is not listed says nothing of the kind", () => {
    for (const [name, text] of renderAll(unknown))
      expect(text, name).not.toMatch(/known until|tracker\.example/);
  });
});

test("what nothing excuses is the reason before what is known", () => {
  const first = (text: string | undefined): string => text?.split("\n")[0] ?? "";
  expect(first(renderAll(model).get("summary.txt"))).toBe(
    `boot/expired failed: ${headline("boot/expired")} (and 2 more)`,
  );
});

describe("Konflux's note", () => {
  const many = { ...model, jobs: Array.from({ length: 40 }, () => model.jobs).flat() };
  const note = (run: RunModel): string => JSON.parse(renderAll(run).get("konflux.json") ?? "").note;

  test("stays small, counts what it leaves out and cuts no address", () => {
    const text = note(many);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(512);
    expect(text).toMatch(/; 1\d\d more known or flaky$/);
    for (const [url] of text.matchAll(/https:\S*/gu)) expect(url).toMatch(/issues\/7\d;?$/);
  });
  test("cuts no address in its reason", () => {
    const decision = {
      verdict: "HOLD" as const,
      reasons: [`${"x ".repeat(100)}${trackerOf("boot/lost")}/and/a/path`],
    };
    const text = JSON.parse(renderAll(model, { decision }).get("konflux.json") ?? "").note;
    expect(text).toMatch(/^HOLD\. (?:x )+… \(5 jobs/);
  });
});

describe("the live lines", () => {
  const lines = knownRun.flatMap(liveLines);

  test.each(knownOnes)("of %s say the outcome, then what is known", (scenario) => {
    const mine = lines.filter((line) => line.includes(jobOf(scenario))).slice(-2);
    expect(mine[0]).toContain(`${scenario === "boot/lost" ? "broken" : "failed"}: the job (5.0 s)`);
    expect(mine[1]).toContain(`the outcome stays, the failure is ${headline(scenario)}`);
  });
  test("call a flake by its name", () => {
    expect(lines.at(-2)).toContain("flaky: the job passed only at attempt 2 (5.0 s)");
    expect(fullRun.flatMap(liveLines).filter((line) => line.includes("flaky: "))).toHaveLength(1);
  });
});
