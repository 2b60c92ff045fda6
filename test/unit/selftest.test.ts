/** The self-test's own judgement: it must notice a gate that judges wrongly. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../harness/base/outcome.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { decideOn, judge, judgeDecision, selftestCases } from "../../harness/gate/selftest.ts";
import { caseCell, caseWord } from "../../harness/gate/selftest-case.ts";
import { casesAgainst, withoutCase } from "../../harness/gate/selftest-coverage.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import type { JobModel, RunModel } from "../../harness/log/model-schema.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { imageNames, loadCatalogue } from "../../images/catalogue.ts";
import { at, runStarted } from "./support/one-job-run.ts";

const panics = selftestCases.find(({ name }) => name === "kernel panics at boot");
const good = selftestCases.find(({ name }) => name === "good image passes boot/health");
if (panics === undefined || good === undefined)
  throw new Error("The self-test has lost its cases.");

function runWith(
  outcome: Outcome,
  step = "boots the candidate",
): { model: RunModel; job: JobModel } {
  const job = "boot/health@qemu-x86_64-uefi#case";
  const image = {
    name: "reference:v2",
    digest: `sha256:${"1".repeat(64)}`,
    architecture: "x86_64",
    standIns: [],
  };
  const events: RunEvent[] = [
    runStarted(job, { candidate: image }),
    { type: "job-started", at, job, attempt: 1 },
    { type: "step-started", at, job, step },
    { type: "step-ended", at, job, step, outcome, durationMs: 1 },
    { type: "job-ended", at, job, attempt: 1, outcome, durationMs: 1 },
    { type: "run-ended", at },
  ];
  const model = foldRun(events);
  const [found] = model.jobs;
  if (found === undefined) throw new Error("The run has no job.");
  return { model, job: found };
}

const panic: Outcome = {
  kind: "failed",
  error: {
    type: "BootFailed",
    headline: "x",
    message: "Kernel panic - not syncing",
    stage: "kernel",
  },
};

describe("a case is judged well", () => {
  test("when the outcome, the error and the step are the expected ones", () => {
    expect(judge(panics, runWith(panic).job)).toBeNull();
    expect(judge(good, runWith({ kind: "passed" }).job)).toBeNull();
  });
});

describe("a case is judged wrongly", () => {
  test.each<[string, Outcome, string | undefined, RegExp]>([
    ["the broken image passes", { kind: "passed" }, undefined, /judged 'passed', not 'failed'/],
    ["the host is blamed", { kind: "broken", error: panic.error }, undefined, /judged 'broken'/],
    [
      "another error",
      { kind: "failed", error: { ...panic.error, type: "CommandFailed" } },
      undefined,
      /a CommandFailed, not a BootFailed/,
    ],
    [
      "other words",
      { kind: "failed", error: { ...panic.error, message: "no" } },
      undefined,
      /does not match/,
    ],
    ["another step", panic, "no unit has failed", /failed in the step 'no unit has failed'/],
  ])("%s", (_, outcome, step, words) => {
    expect(judge(panics, runWith(outcome, step).job)).toMatch(words);
  });
});

describe("the gate's decision", () => {
  const decision = (outcome: Outcome) => {
    const { model, job } = runWith(outcome);
    return decideOn(model, job, new Date(at));
  };

  test("promotes the good image and holds the broken one because of the image", () => {
    expect(judgeDecision(good, decision({ kind: "passed" }))).toBeNull();
    expect(judgeDecision(panics, decision(panic))).toBeNull();
  });

  test("is noticed when it is the wrong one", () => {
    expect(judgeDecision(panics, decision({ kind: "passed" }))).toMatch(/says PROMOTE, not HOLD/);
    expect(judgeDecision(good, decision(panic))).toMatch(/says HOLD, not PROMOTE/);
    expect(judgeDecision(panics, decision({ kind: "broken", error: panic.error }))).toMatch(
      /holds since 'cannot-tell', not 'image'/,
    );
  });

  test("holds what is not the image's fault because nobody can tell", () => {
    const small = selftestCases.find(({ install }) => install?.diskSizeMiB !== undefined);
    if (small === undefined) throw new Error("The self-test has lost its cases.");
    const error = { ...panic.error, type: "HostUnfit" };
    expect(judgeDecision(small, decision({ kind: "broken", error }))).toBeNull();
    expect(judgeDecision(small, decision(panic))).toMatch(/since 'image', not 'cannot-tell'/);
  });
});

test("no two cases are one job to the log: scenario, images and way of installing tell them apart", () => {
  const contents = selftestCases.map((item) =>
    JSON.stringify([item.scenario, item.images, caseCell(item)?.disk]),
  );
  expect(new Set(contents).size).toBe(contents.length);
  expect(new Set(selftestCases.map(caseWord)).size).toBe(selftestCases.length);
});

test("every kickstart of the self-test is a file, and every such file is played", async () => {
  const folder = new URL("../../fixtures/kickstarts/broken/", import.meta.url);
  const named = selftestCases.flatMap(({ install }) => install?.kickstart ?? []);
  const files = (await readdir(folder)).map((name) => name.replace(/\.ks$/, ""));
  expect(named.sort()).toEqual(files.sort());
  // Line numbers in the messages that are expected are those of the files.
  for (const { install, expect: expected } of selftestCases) {
    const line = /line (\d+)/.exec(String(expected.message))?.[1];
    if (install?.kickstart === undefined || line === undefined) continue;
    const text = await readFile(new URL(`${install.kickstart}.ks`, folder), "utf8");
    expect(text.split("\n")[Number(line) - 1]).toMatch(/^ostreecontainr|^%pre/);
  }
});

test("every scenario has a case that it must catch, or a reason why it has none", async () => {
  const all = await discoverScenarios();
  const bare = all.filter((one) => casesAgainst(one, all).length === 0).map(({ id }) => id);
  expect(bare.sort()).toEqual(Object.keys(withoutCase).sort());
});

test("every case names a scenario that exists", async () => {
  const ids = (await discoverScenarios()).map(({ id }) => id);
  expect(selftestCases.filter(({ scenario }) => !ids.includes(scenario))).toEqual([]);
});

test("every image of a case is one that the catalogue knows", async () => {
  const names = imageNames(await loadCatalogue(join(packageRoot, "images", "catalogue.yaml")));
  const used = new Set(selftestCases.flatMap(({ images }) => Object.values(images)));
  expect([...used].filter((name) => !names.includes(name))).toEqual([]);
});
