import { describe, expect, test } from "vitest";
import { z } from "zod";
import { foldRun } from "../../harness/log/run-model.ts";
import { ctrf } from "../../reports/ctrf.ts";
import { junit } from "../../reports/junit.ts";
import { konflux } from "../../reports/konflux.ts";
import { liveLines } from "../../reports/live.ts";
import { markdown } from "../../reports/markdown.ts";
import { results, resultsJsonSchema, resultsSchema } from "../../reports/results.ts";
import { resultsDb } from "../../reports/resultsdb.ts";
import { summary } from "../../reports/summary.ts";
import { tap } from "../../reports/tap.ts";
import { fullRun, greenRun, killedRun } from "../golden/report-events.ts";
import { sampleInputs } from "../golden/report-inputs.ts";

const full = foldRun(fullRun);
const killed = foldRun(killedRun);
const green = foldRun(greenRun);
const { history = new Map() } = sampleInputs;
const golden = (name: string) => `../golden/report-${name}`;

describe("golden files", () => {
  test.each([
    ["junit.xml", () => junit(full, sampleInputs)],
    ["junit-killed.xml", () => junit(killed)],
    ["summary.txt", () => summary(full, { runDirectory: "runs/2026-11-21T07-31-00", history })],
    ["summary-killed.txt", () => summary(killed)],
    ["summary-green.txt", () => summary(green)],
    ["live.txt", () => `${fullRun.flatMap(liveLines).join("\n")}\n`],
    ["markdown.md", () => markdown(full, sampleInputs)],
    ["tap.txt", () => tap(full)],
    ["tap-killed.txt", () => tap(killed)],
    ["ctrf.json.txt", () => ctrf(full)],
    ["resultsdb.json.txt", () => resultsDb(full)],
    ["konflux.json.txt", () => konflux(full)],
  ])("%s", async (name, render) => {
    await expect(render()).toMatchFileSnapshot(golden(name));
  });

  test("the JSON schema of results.json", async () => {
    await expect(resultsJsonSchema()).toMatchFileSnapshot("../../docs/schema/results.schema.json");
  });
});

test("results.json is the model, with a version", () => {
  expect(resultsSchema.parse(JSON.parse(results(full)))).toEqual({ version: 1, ...full });
});

describe("Konflux TEST_OUTPUT", () => {
  // The constraints of integration-service, helpers/integration.go.
  const schema = z.object({
    result: z.enum(["SUCCESS", "FAILURE", "WARNING", "SKIPPED", "ERROR"]),
    namespace: z.string(),
    timestamp: z
      .string()
      .regex(
        /^[0-9]{10}$|^((?:(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2}(?:\.\d+)?))(Z|[+-]\d{2}:\d{2})?)$/,
      ),
    successes: z.int().min(0),
    note: z.string().refine((note) => Buffer.byteLength(note) <= 512),
    failures: z.int().min(0),
    warnings: z.int().min(0),
  });
  const output = (...args: Parameters<typeof konflux>) =>
    schema.parse(JSON.parse(konflux(...args)));
  const flakyOnly = {
    ...full,
    jobs: full.jobs.filter((job) => job.flaky),
    counts: { ...full.counts, passed: 0, failed: 0, broken: 0, skipped: 0 },
  };

  test.each([
    ["green", output(green), "SUCCESS"],
    ["failed", output(full), "FAILURE"],
    ["killed", output(killed), "ERROR"],
    ["flaky", output(flakyOnly), "WARNING"],
    ["held by the gate", output(green, { decision: { verdict: "HOLD", reasons: ["x"] } }), "ERROR"],
    ["promoted", output(full, { decision: { verdict: "PROMOTE", reasons: [] } }), "WARNING"],
    ["empty", output({ ...green, jobs: [], counts: { ...green.counts, passed: 0 } }), "ERROR"],
  ])("a run that is %s", (_name, { result }, expected) => {
    expect(result).toBe(expected);
  });

  test("cuts the note between characters", () => {
    const reasons = ["é😀".repeat(400)];
    const { note } = output(green, { decision: { verdict: "HOLD", reasons } });
    expect(note).toMatch(/… \(1 job in 106\.0 s\)$/);
    expect(note).not.toMatch(/\ufffd/);
  });
});

test("ResultsDB gets nothing for a job that did not run, since INFO would satisfy a gate", () => {
  const bodies = z.array(z.object({ outcome: z.string() })).parse(JSON.parse(resultsDb(killed)));
  expect(bodies.map(({ outcome }) => outcome)).toEqual(["NEEDS_INSPECTION"]);
});

test("the summary is coloured only when asked", () => {
  expect(summary(full)).not.toContain("\u001b");
  expect(summary(full, { color: true })).toContain("\u001b[31mfailed");
});

test.each([
  ["full", summary(full), /^boot\/health failed: Guest 'v2' did not boot/],
  ["killed", summary(killed), /^bootc\/upgrade-rollback broken: interrupted/],
  ["green", summary(green), /^outcome/],
])("the first line of a %s run says why it is not green", (_name, text, first) => {
  expect(text).toMatch(first);
});
