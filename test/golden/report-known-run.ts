/** A run with each kind of excuse: a known failure, one whose entry has expired, a known breakage, a flake. */

import type { RunEvent } from "../../harness/log/events.ts";
import { frozen } from "./frozen.ts";
import { at, ended, jobFacts, runStarted, started, step } from "./report-events.ts";

const scenarios = frozen([
  "boot/fine",
  "boot/listed",
  "boot/expired",
  "boot/lost",
  "boot/retried",
] as const);
export type Scenario = (typeof scenarios)[number];

export const jobOf = (scenario: Scenario): string => jobFacts(scenario).id;
export const trackerOf = (scenario: Scenario): string =>
  `https://tracker.example/issues/${scenarios.indexOf(scenario) + 70}`;

const error = (scenario: Scenario) => ({
  type: scenario === "boot/lost" ? "GuestLost" : "ExpectationFailed",
  headline: `1 unit of ${scenario} is wrong`,
  message: `1 unit of ${scenario} is wrong\n  unit       sshd.service`,
});

const bad = (scenario: Scenario, kind: "failed" | "broken", begin: number): RunEvent[] => {
  const outcome = { kind, error: error(scenario) };
  const job = jobOf(scenario);
  return [
    started(job, begin),
    ...step(job, begin, 5, "no unit has failed", outcome),
    ended(job, begin, begin + 5, outcome),
  ];
};

const known = (scenario: Scenario, until: string, expired: boolean, seconds: number): RunEvent => ({
  type: "known-failure",
  at: at(seconds),
  job: jobOf(scenario),
  tracker: trackerOf(scenario),
  until,
  expired,
  words: `1 unit of ${scenario} is wrong`,
});

export const knownRun: readonly RunEvent[] = frozen([
  runStarted(scenarios.map((scenario) => jobFacts(scenario))),
  started(jobOf("boot/fine"), 1),
  ...step(jobOf("boot/fine"), 1, 5, "no unit has failed"),
  ended(jobOf("boot/fine"), 1, 6),
  ...bad("boot/listed", "failed", 10),
  known("boot/listed", "2026-12-31", false, 15),
  ...bad("boot/expired", "failed", 20),
  known("boot/expired", "2026-10-31", true, 25),
  ...bad("boot/lost", "broken", 30),
  known("boot/lost", "2026-12-31", false, 35),
  ...bad("boot/retried", "failed", 40),
  started(jobOf("boot/retried"), 46, 2),
  ...step(jobOf("boot/retried"), 46, 5, "no unit has failed"),
  ended(jobOf("boot/retried"), 46, 51, { kind: "passed" }, 2),
  { type: "run-ended", at: at(60) },
]);
