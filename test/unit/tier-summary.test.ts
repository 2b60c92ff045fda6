/** The summary that `npm test` ends with names each test that failed, with its reason: of a CI's log often only the end is kept. */
import { expect, test } from "vitest";
import { summarizeTier } from "../tier-summary.ts";

test("a failed test is named with its file and the beginning of its reason", () => {
  const report = {
    numPassedTests: 1,
    numFailedTests: 1,
    numPendingTests: 0,
    testResults: [
      {
        name: "/anywhere/test/unit/clock.test.ts",
        status: "failed",
        message: "",
        assertionResults: [
          { fullName: "a clock goes on", status: "passed", failureMessages: [] },
          {
            fullName: "a clock is set",
            status: "failed",
            failureMessages: [
              `\u001b[31mAssertionError: 1 is not 2\u001b[0m\n${"at x\n".repeat(90)}`,
            ],
          },
        ],
      },
    ],
  };
  const { count, failures } = summarizeTier(JSON.stringify(report));
  expect(count).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(failures).toHaveLength(1);
  const lines = failures[0]?.split("\n") ?? [];
  expect(lines.slice(0, 2)).toEqual([
    "test/unit/clock.test.ts: a clock is set",
    "        AssertionError: 1 is not 2",
  ]);
  expect(lines).toHaveLength(13);
});

test("a file that does not load is named though none of its tests ran", () => {
  const file = { name: "/x/test/vm/a.test.ts", status: "failed", message: "no such module" };
  const text = JSON.stringify({ testResults: [{ ...file, assertionResults: [] }] });
  expect(summarizeTier(text).failures).toEqual(["test/vm/a.test.ts\n        no such module"]);
});

test("a tier that wrote nothing has no tests", () => {
  expect(summarizeTier("{}")).toEqual({
    count: { passed: 0, failed: 0, skipped: 0 },
    failures: [],
  });
});
