/** Every text format against guests that print what breaks reports. JUnit meets the schema in the contract tier. */
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../harness/log/events.ts";
import type { RunModel } from "../../harness/log/model-schema.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { ctrf } from "../../reports/ctrf.ts";
import { junit } from "../../reports/junit.ts";
import { konflux } from "../../reports/konflux.ts";
import { liveLines } from "../../reports/live.ts";
import { markdown } from "../../reports/markdown.ts";
import { results, resultsSchema } from "../../reports/results.ts";
import { resultsDb } from "../../reports/resultsdb.ts";
import { summary } from "../../reports/summary.ts";
import { tap } from "../../reports/tap.ts";
import { hostileRun, hostileStrings } from "../golden/report-hostile.ts";

const formats: Readonly<Record<string, (model: RunModel, events: readonly RunEvent[]) => string>> =
  {
    junit: (model) => junit(model),
    summary: (model) => summary(model),
    markdown: (model) => markdown(model),
    ctrf,
    tap: (model) => tap(model),
    konflux: (model) => konflux(model),
    resultsDb,
    results,
    live: (_model, events) => events.flatMap(liveLines).join("\n"),
  };
/** Written to a CI's log, or shown there to a person who looks at a file in a job. */
const spokenToCi = new Set(["summary", "markdown", "live", "junit", "tap"]);

describe.each(Object.entries(hostileStrings))("a guest that prints %s", (_name, text) => {
  const events = hostileRun(text);
  const model = foldRun(events);

  test.each(Object.entries(formats))("%s stays clean and small", (format, render) => {
    const output = render(model, events);
    expect(output).not.toMatch(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/u,
    );
    expect(output).not.toMatch(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
    expect(output).not.toContain("[31m");
    expect(output.length).toBeLessThan(700_000);
    if (spokenToCi.has(format))
      expect(output).not.toMatch(/^\s*::|##\w*\[|section_start:\d+:[\w.-]+(?:\[.*\])?\r/mu);
  });

  test("markdown makes no tag, link, picture or mention of it", () => {
    const outside = markdown(model).replace(/^(`{3,})text\n[\s\S]*?\n\1$/gmu, "");
    expect(outside).not.toMatch(/<(?!\/?(?:details|summary)\b)/u);
    expect(outside).not.toMatch(/(?<!\\)\]\(|(?<!\\)!\[|@|:\/\//u);
  });

  test("tap keeps its plan", () => {
    const lines = tap(model).split("\n");
    expect(lines[1]).toBe("1..2");
    expect(lines.filter((line) => /^(?:not )?ok\b/u.test(line))).toHaveLength(2);
    expect(lines.filter((line) => /^Bail out!/u.test(line))).toHaveLength(1);
  });

  test("JSON formats are JSON, Konflux holds", () => {
    expect(resultsSchema.parse(JSON.parse(results(model)))).toEqual({ version: 1, ...model });
    expect(JSON.parse(ctrf(model)).results.summary.failed).toBe(1);
    expect(JSON.parse(konflux(model)).result).toBe("FAILURE");
    expect(Buffer.byteLength(konflux(model))).toBeLessThan(1400);
  });
});
