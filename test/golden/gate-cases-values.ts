/** Verdicts on values that are missing: who owes one, and who is excused. */

import type { Decision } from "../../harness/gate/verdict/decision.ts";
import { frozen } from "./frozen.ts";
import { type Case, green, measure, one, panic, waiver } from "./gate-cases.ts";
import type { SmallRun } from "./gate-runs.ts";

const upgrade = "bootc/upgrade-rollback";
const known = frozen([{ ...panic, scenario: upgrade }]);
/** A run in which only these scenarios took the value. */
const taken = (name: string, value: number, ...scenarios: string[]): SmallRun => ({
  ...green,
  more: (job) =>
    scenarios.some((id) => job.startsWith(`${id}@`)) ? measure(name, value)(job) : [],
});
const upgraded = taken("upgrade.seconds", 9, upgrade);
const upgradeFailed: SmallRun = frozen({ fates: { "boot/health": "passed", [upgrade]: "failed" } });
const measuring = frozen([{ id: upgrade, measures: ["upgrade.seconds"] }, { id: "boot/health" }]);
const limit = frozen({ budgets: { upgrade: { seconds: 100 } } });
const ratio = frozen({ budgets: { upgrade: { ratio: 1.5 } } });
const cold = taken("boot.seconds", 9, "boot/health", upgrade);

export const promotedByValues: Record<string, Case> = frozen({
  "an excused failure of the only job with a value, and a ratio": {
    runs: [upgradeFailed],
    previous: upgraded,
    policy: ratio,
    known,
  },
  "an excused failure of the only job with a value, and a limit": {
    runs: [upgradeFailed],
    previous: upgraded,
    policy: limit,
    known,
  },
  "an excused failure of the only scenario with a value, without a promoted run": {
    runs: [upgradeFailed],
    policy: limit,
    known,
    scenarios: measuring,
  },
  "an excused gap of the only scenario with a value": {
    runs: [{ fates: { "boot/health": "passed" } }],
    policy: { ...limit, waivers: [{ ...waiver, scenario: upgrade }] },
    scenarios: measuring,
  },
});

export const heldByValues: Record<string, [Case, Decision["because"], RegExp]> = frozen({
  "one of two jobs lacks the value that it had, and a ratio": [
    {
      runs: [taken("boot.seconds", 9, "boot/health")],
      previous: cold,
      policy: { budgets: { boot: { ratio: 1.5 } } },
    },
    "cannot-tell",
    /^budget: boot on x86_64, uefi was not measured in bootc\/upgrade-rollback, and was in the last promoted run$/,
  ],
  "one of two jobs lacks the value that it had, and a limit": [
    {
      runs: [taken("boot.seconds", 9, "boot/health")],
      previous: cold,
      policy: { budgets: { boot: { seconds: 60 } } },
    },
    "cannot-tell",
    /^budget: boot on x86_64, uefi was not measured in bootc\/upgrade-rollback, and was/,
  ],
  "the other job is too slow, which says more than a missing value": [
    {
      runs: [taken("boot.seconds", 30, "boot/health")],
      previous: cold,
      policy: { budgets: { boot: { ratio: 1.5 } } },
    },
    "image",
    /3.33 times the last promoted run's 9.0 s/,
  ],
  "a limit, and an excused failure of what never had the value": [
    {
      runs: [one("failed")],
      policy: limit,
      known: [panic],
      scenarios: measuring,
    },
    "cannot-tell",
    /^budget: upgrade on x86_64, uefi was not measured$/,
  ],
  "a limit for boots, an excused failure, and no cold boot": [
    {
      runs: [one("failed")],
      policy: { budgets: { boot: { seconds: 60 } } },
      known: [panic],
      scenarios: measuring,
    },
    "cannot-tell",
    /^budget: boot on x86_64, uefi was not measured$/,
  ],
  "a limit, and a known failure before a pass that lacks the value": [
    {
      runs: [{ fates: { "boot/health": "passed", [upgrade]: "flaky" } }],
      policy: { ...limit, waivers: [{ ...waiver, scenario: upgrade }] },
      scenarios: measuring,
    },
    "cannot-tell",
    /^budget: upgrade on x86_64, uefi was not measured$/,
  ],
});
