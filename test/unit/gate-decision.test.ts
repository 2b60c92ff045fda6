import { describe, expect, test } from "vitest";
import { verdictText } from "../../harness/cli/commands/verdict-command.ts";
import {
  decisionText,
  parseDecision,
  verifyDecision,
} from "../../harness/gate/verdict/decision.ts";
import { greenwave } from "../../harness/gate/verdict/greenwave.ts";
import {
  type Case,
  deviation,
  green,
  held,
  judge,
  one,
  panic,
  promoted,
} from "../golden/gate-cases.ts";
import { digest } from "../golden/report-events.ts";

describe("decision.json", () => {
  const decision = judge({});
  test("is read back as it was written", () => {
    expect(parseDecision(decisionText(decision), "d.json")).toEqual(decision);
  });
  test.each([
    ["{", /'d.json' is not JSON/],
    ['{"version":2}', /not a decision of version 1/],
    [JSON.stringify({ ...decision, because: "image" }), /contradicts itself/],
    [
      decisionText(judge({ runs: [one("failed")] })).replace('"HOLD"', '"PROMOTE"'),
      /contradicts itself/,
    ],
  ])("is refused when it is not one", (text, expected) => {
    expect(() => parseDecision(text, "d.json")).toThrow(expected);
  });

  const run = decision.runs[0]?.run ?? "";
  const files = (mark: string, name = run) => [{ run: name, digest: digest(mark) }];
  test("stands on the logs that were judged", () => {
    expect(() => verifyDecision(decision, files("e"))).not.toThrow();
    expect(() => verifyDecision(decision, files("f"))).toThrow(/were changed since/);
    expect(() => verifyDecision(decision, files("e", "x"))).toThrow(/'x' is not in the decision/);
    expect(() => verifyDecision(decision, [])).not.toThrow();
  });
});

describe("golden files", () => {
  const all = [
    ...Object.entries(promoted).map(([name, given]) => [name, judge(given)] as const),
    ...Object.entries(held).map(([name, [given]]) => [name, judge(given)] as const),
  ];
  test("what a person reads, for a promotion and each kind of hold", async () => {
    const text = all.map(
      ([name, decision]) => `# ${name}\n${verdictText(decision, "decision.json")}`,
    );
    await expect(text.join("\n")).toMatchFileSnapshot("../golden/gate-verdicts.txt");
  });
  test("decision.json of a promotion", async () => {
    const more = deviation("tcg", "The processor is emulated.");
    await expect(decisionText(judge({ runs: [{ ...green, more }] }))).toMatchFileSnapshot(
      "../golden/gate-promote.json.txt",
    );
  });
  const hold = judge({
    runs: [{ fates: { "boot/health": "failed", "bootc/upgrade-rollback": "flaky" } }],
    known: [{ ...panic, until: "2026-11-01" }],
  });
  test("decision.json of a hold", async () => {
    await expect(decisionText(hold)).toMatchFileSnapshot("../golden/gate-hold.json.txt");
  });
  test("Greenwave's answer", async () => {
    await expect(greenwave(hold)).toMatchFileSnapshot("../golden/gate-greenwave.json.txt");
  });
});

test("Greenwave's summaries", () => {
  const summary = (given: Case) => JSON.parse(greenwave(judge(given))).summary as string;
  expect(summary({})).toBe("All required tests passed for sha256:222222222222");
  expect(summary({ runs: [one("failed")] })).toMatch(/^Of 2 required tests, 1 test failed/);
  expect(summary({ runs: [one("not-run")] })).toMatch(/1 result missing/);
  const waived = JSON.parse(greenwave(judge(promoted["a waived failure"] ?? {})));
  expect(waived.satisfied_requirements[0].type).toBe("test-result-failed-waived");
});
