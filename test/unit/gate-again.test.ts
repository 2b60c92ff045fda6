/** What a decision records of jobs that ran more than once, and of values that nobody owes. */
import { expect, test } from "vitest";
import { greenwave } from "../../harness/gate/verdict/greenwave.ts";
import { judge } from "../golden/gate-cases.ts";
import { heldAgain, promotedAgain } from "../golden/gate-cases-again.ts";
import { promotedByValues } from "../golden/gate-cases-values.ts";

const again = (name: string) => judge(heldAgain[name]?.[0] ?? {});

test("a pass and a later failure is counted as failed, not as flaky", () => {
  const decision = again("a pass and a later failure, where flakes may pass");
  expect(decision.counts).toMatchObject({ passed: 1, flaky: 0, failed: 1 });
  expect(decision.flaky).toEqual([]);
});

test("the largest value of all runs is the one that is told", () => {
  const decision = again("a limit that a later pass kept");
  expect(decision.budgets).toMatchObject([{ value: 100, limit: 60, state: "exceeded" }]);
});

test("a job that ran on two kinds of host names both", () => {
  const decision = again("a limit that a later pass under emulation kept");
  expect(decision.machines).toMatchObject([{ accelerator: "kvm, tcg", jobs: 2, passed: 2 }]);
});

test("the last pass is compared with the promoted run", () => {
  const decision = judge(promotedAgain["a later pass that is slower, and not too slow"] ?? {});
  expect(decision.budgets).toMatchObject([{ median: 40, previousMedian: 30, state: "kept" }]);
});

test.each(Object.entries(promotedByValues))("a note says what was not measured: %s", (_, given) => {
  expect(judge(given).notes).toEqual([
    "upgrade on x86_64, uefi was not measured: the failure of what measures it is excused",
  ]);
});

test("Greenwave is told of a failure only where the image is at fault", () => {
  const typeOf = (name: string): unknown => {
    const answer = JSON.parse(greenwave(again(name)));
    const [budget] = answer.unsatisfied_requirements;
    return [
      budget.type,
      typeof budget.error_reason,
      answer.summary.split(",")[1]?.split(" for")[0],
    ];
  };
  expect(typeOf("a limit that a later pass kept")).toEqual([
    "test-result-failed",
    "undefined",
    " 1 test failed",
  ]);
  expect(typeOf("a limit that only an earlier pass under emulation exceeded")).toEqual([
    "test-result-errored",
    "string",
    " 1 test errored",
  ]);
});
