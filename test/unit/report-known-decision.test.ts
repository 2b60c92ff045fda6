/** Known failures that only the verdict met are shown as the verdict told them. */
import { expect, test } from "vitest";
import { withKnownOf } from "../../harness/gate/known/known-of-decision.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { knownWords } from "../../reports/known-words.ts";
import { jobOf, knownRun, trackerOf } from "../golden/report-known-run.ts";

const job = jobOf("boot/listed");
const told = foldRun(knownRun);
const untold = foldRun(knownRun.filter(({ type }) => type !== "known-failure"));
const hit = {
  id: "0123456789ab",
  job,
  tracker: trackerOf("boot/listed"),
  until: "2026-12-31",
  expired: false,
  trueOutcome: "failed" as const,
  step: "no unit has failed",
  words: "1 unit of boot/listed is wrong",
};
const withHits = (...knownFailures: (typeof hit)[]) =>
  withKnownOf({ verdict: "PROMOTE", reasons: ["ok"], knownFailures }, untold);
const knownIn = ({ jobs }: typeof told) =>
  jobs.flatMap((item) => (knownWords(item) === null ? [] : [item.id]));

test("a failure that the decision knows is known in the reports, its outcome as it was", () => {
  const shown = withHits(hit);
  expect(knownIn(shown)).toEqual([job]);
  const outcomes = ({ jobs }: typeof told) => jobs.map(({ outcome }) => outcome.kind);
  expect(outcomes(shown)).toEqual(outcomes(told));
});

test("also where the headline quotes the guest", () => {
  const events = knownRun.flatMap((event): typeof knownRun => {
    if (event.type === "known-failure") return [];
    if (event.type !== "job-ended" || event.job !== job || event.outcome.kind !== "failed")
      return [event];
    const error = { ...event.outcome.error, headline: "1 'x' is wrong", ownWords: "1 … is wrong" };
    return [{ ...event, outcome: { kind: "failed", error } }];
  });
  const decision = { ...hit, words: "1 … is wrong" };
  const shown = withKnownOf(
    { verdict: "PROMOTE", reasons: ["ok"], knownFailures: [decision] },
    foldRun(events),
  );
  expect(knownIn(shown)).toEqual([job]);
});

test.each([
  ["a job that passed", { job: jobOf("boot/fine") }],
  ["a failure in other words", { words: "2 units of boot/listed are wrong" }],
  ["another outcome", { trueOutcome: "broken" as const }],
])("%s is not", (_, other) => {
  expect(knownIn(withHits({ ...hit, ...other } as typeof hit))).toEqual([]);
});

test("what the run's own log says stands", () => {
  const other = { ...hit, tracker: "https://tracker.example/other" };
  const shown = withKnownOf({ verdict: "HOLD", reasons: ["x"], knownFailures: [other] }, told);
  expect(shown).toEqual(told);
  expect(withKnownOf(undefined, told)).toBe(told);
});
