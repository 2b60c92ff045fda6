import { describe, expect, test } from "vitest";
import { usualDeviations } from "../../harness/base/deviations.ts";
import { verdictText } from "../../harness/cli/commands/verdict-command.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import { decisionExitCode } from "../../harness/gate/verdict/decision.ts";
import { decide } from "../../harness/gate/verdict/verdict.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { green, held, judge, now, one, panic, promoted, required } from "../golden/gate-cases.ts";
import { heldAgain, promotedAgain } from "../golden/gate-cases-again.ts";
import { heldInDoubt, promotedInDoubt } from "../golden/gate-cases-doubt.ts";
import { heldOfSeveral, promotedOfSeveral } from "../golden/gate-cases-several.ts";
import { heldByValues, promotedByValues } from "../golden/gate-cases-values.ts";
import { type SmallRun, smallEvents } from "../golden/gate-runs.ts";
import { digest } from "../golden/report-events.ts";

test.each(
  Object.entries({
    ...promoted,
    ...promotedOfSeveral,
    ...promotedInDoubt,
    ...promotedAgain,
    ...promotedByValues,
  }),
)("promotes with %s", (_, given) => {
  const decision = judge(given);
  expect(decision.unsatisfied).toEqual([]);
  expect([decision.verdict, decision.because, decisionExitCode(decision)]).toEqual([
    "PROMOTE",
    null,
    0,
  ]);
});

test.each(
  Object.entries({ ...held, ...heldOfSeveral, ...heldInDoubt, ...heldAgain, ...heldByValues }),
)("holds: %s", (_, [given, because, reason]) => {
  const decision = judge(given);
  expect(decision.verdict).toBe("HOLD");
  expect(decision.reasons[0]).toMatch(reason);
  expect([decision.because, decisionExitCode(decision)]).toEqual([
    because,
    because === "image" ? 1 : 3,
  ]);
});

describe("the decision", () => {
  test("puts the image's fault before what we cannot tell", () => {
    const decision = judge({
      runs: [{ fates: { "boot/health": "broken", "bootc/upgrade-rollback": "failed" } }],
    });
    expect(decision.because).toBe("image");
    expect(decision.reasons.map((line) => line.split(" ")[0])).toEqual([
      "bootc/upgrade-rollback",
      "boot/health",
      "nothing",
    ]);
  });

  test("keeps the true outcome beside an excuse", () => {
    const decision = judge({ runs: [one("failed")], known: [panic] });
    expect(decision.knownFailures).toMatchObject([{ trueOutcome: "failed", expired: false }]);
    expect(decision.counts).toMatchObject({ passed: 1, failed: 1 });
    expect(decision.satisfied[0]).toMatchObject({ type: "test-result-failed", excuse: "known" });
  });

  test("does not count an excuse as a pass", () => {
    const decision = judge({ runs: [one("failed")], known: [panic], policy: { minimumPassed: 2 } });
    expect(decision.reasons).toEqual(["1 required jobs passed, the policy wants 2"]);
  });

  test("says what was not required", () => {
    const decision = judge(promoted["a failure of what is not required"] ?? {});
    expect(decision.notes).toEqual(["not required: dnf/install failed"]);
  });

  test("says which budgets were not compared", () => {
    expect(judge(promoted["a ratio without a promoted run"] ?? {}).notes[0]).toMatch(
      /no promoted run/,
    );
    const other = judge(promoted["another accelerator than the promoted run's"] ?? {});
    expect(other.notes[0]).toMatch(/another accelerator \(kvm\)$/);
    const smaller = promotedInDoubt["another number of processors than the promoted run's"];
    expect(judge(smaller ?? {}).notes[0]).toMatch(
      /was not compared: the last promoted run had another number of processors \(8, here 2\)$/,
    );
  });

  test("does not let the guest write a reason", () => {
    const text = "x\u001b[2J\nPROMOTE\n::error::owned ##vso[task.complete] <b>";
    const error = { type: "BootFailed", headline: text, message: text };
    const events = smallEvents(one("failed")).map(
      (event): RunEvent =>
        "outcome" in event && event.outcome.kind === "failed"
          ? { ...event, outcome: { kind: "failed", error } }
          : event,
    );
    const decision = decide({
      runs: [{ model: foldRun(events), eventsDigest: digest("e") }],
      policy: policySchema.parse({ version: 1, require: [{ scenarios: required }] }),
      known: { version: 1, failures: [] },
      now,
    });
    expect(decision.verdict).toBe("HOLD");
    expect(JSON.stringify(decision)).not.toMatch(/##vso|\\u001b|\\n/);
    const printed = verdictText(decision, "decision.json");
    expect(printed.split("\n")[0]).toMatch(/^HOLD: boot\/health .*PROMOTE/);
    expect(printed).not.toMatch(/^\s*::|##vso|\u001b|^PROMOTE/m);
  });

  test("caps what it prints and keeps the rest", () => {
    const fates = Object.fromEntries(
      Array.from({ length: 80 }, (_, n) => [`s/${n}`, "failed" as const]),
    );
    const decision = judge({
      runs: [{ fates }],
      policy: { require: [{ scenarios: Object.keys(fates) }] },
    });
    expect(decision.reasons).toHaveLength(51);
    expect(decision.reasons.at(-1)).toBe("31 more are in decision.json");
    expect(decision.unsatisfied).toHaveLength(81);
  });
});

describe("runs that cannot be judged together", () => {
  const image = (name: string, mark: string, architecture = "x86_64") => ({
    facts: { images: { candidate: { name, digest: digest(mark), architecture, standIns: [] } } },
  });
  const other = { ...green, run: "other" };
  const candidate = {
    name: "reference:v2",
    digest: digest("2"),
    architecture: "x86_64",
    standIns: [],
  };
  test.each<[string, SmallRun[], RegExp]>([
    ["none", [], /run to decide on does not exist/],
    ["the same twice", [green, green], /is given twice/],
    [
      "two candidates",
      [green, { ...other, ...image("reference:v3", "3") }],
      /different candidates for x86_64/,
    ],
    [
      "two versions",
      [green, { ...other, head: { harness: "0.2.0" } }],
      /different versions of the harness: 0.1.0, 0.2.0/,
    ],
    [
      "two previous images",
      ["1", "3"].map((mark) => ({
        ...other,
        run: `from ${mark}`,
        facts: { images: { candidate, previous: { ...candidate, digest: digest(mark) } } },
      })),
      /different 'previous' images/,
    ],
    ["no candidate", [{ ...green, facts: { images: {} } }], /No job of these runs has a candidate/],
  ])("%s", (_, runs, expected) => {
    expect(() => judge({ runs })).toThrow(expected);
  });
  test("one digest for each architecture is one candidate", () => {
    const arm = { ...other, ...image("reference:v2", "4", "aarch64") };
    expect(judge({ runs: [green, arm] }).candidates).toHaveLength(2);
  });
  test("a policy that names two images may have two", () => {
    const runs = [green, { ...other, ...image("iot:v2", "5") }];
    const policy = { require: [{ scenarios: required, images: ["reference:*", "iot:*"] }] };
    expect(judge({ runs, policy }).verdict).toBe("PROMOTE");
    const third = { ...other, run: "third", ...image("iot:v3", "6") };
    expect(() => judge({ runs: [...runs, third], policy })).toThrow(/different candidates/);
  });
});

test("a simulated guest or a stand-in is never usual", () => {
  expect(usualDeviations.filter((id) => /simulated|stand-in|\*/.test(id))).toEqual([]);
});
