/** Everything that the verdict can be, case by case: what promotes, and each kind of hold with its blame and its words. */

import { knownFailuresSchema } from "../../harness/gate/known/known-failures.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import type { Decision } from "../../harness/gate/verdict/decision.ts";
import type { JudgedRun } from "../../harness/gate/verdict/gated-jobs.ts";
import { type DecideOptions, decide } from "../../harness/gate/verdict/verdict.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { frozen } from "./frozen.ts";
import { type SmallRun, smallRun } from "./gate-runs.ts";
import { at } from "./report-events.ts";

export const now = frozen(new Date("2026-11-21T12:00:00Z"));
export const required = frozen(["boot/health", "bootc/upgrade-rollback"]);
export const green: SmallRun = frozen({
  fates: { "boot/health": "passed", "bootc/upgrade-rollback": "passed" },
});

export interface Case {
  readonly runs?: readonly (SmallRun | JudgedRun)[];
  readonly policy?: object;
  readonly known?: object[];
  readonly previous?: SmallRun;
  readonly scenarios?: NonNullable<DecideOptions["scenarios"]>;
}

export const judge = ({
  runs = [green],
  policy = {},
  known = [],
  previous,
  scenarios = [],
}: Case): Decision =>
  decide({
    runs: runs.map((run) => ("model" in run ? run : smallRun(run))),
    scenarios,
    policy: policySchema.parse({ version: 1, require: [{ scenarios: required }], ...policy }),
    known: knownFailuresSchema.parse({ version: 1, failures: known }),
    ...(previous === undefined ? {} : { previous: smallRun(previous).model }),
    now,
  });

export const deviation =
  (id: string, text: string) =>
  (job: string): RunEvent[] => [{ type: "deviation", at: at(1), job, id, text }];
export const measure =
  (name: string, ...values: number[]) =>
  (job: string): RunEvent[] =>
    values.map((value) => ({ type: "measure", at: at(1), job, name, value }));
export const one = (fate: SmallRun["fates"][string]): SmallRun => ({
  fates: { "boot/health": fate, "bootc/upgrade-rollback": "passed" },
});
export const panic = frozen({
  scenario: "boot/health",
  pattern: "did not boot: the kernel panicked",
  tracker: "https://example.org/issues/7",
  until: "2026-12-31",
});
export const waiver = frozen({
  scenario: "boot/health",
  by: "qa",
  until: "2026-12-01",
  reason: "runner-7 is bad",
});
const machine = frozen({ driver: "qemu", architecture: "x86_64", firmware: "uefi" });
/** A run in which each reboot took these seconds. */
export const timed = (...seconds: number[]): SmallRun => ({
  ...green,
  more: measure("reboot.seconds", ...seconds),
});

/** The host of the other runs with something changed. */
export const onHost = (more: {
  accelerator?: string;
  cpus?: number;
}): NonNullable<SmallRun["head"]> => ({
  host: { ...smallRun(green).model.host, ...more },
});

export const promoted: Record<string, Case> = frozen({
  "all passed": {},
  "allowed deviations": {
    runs: [{ ...green, more: deviation("stand-in:bootc", "bootc is a stand-in") }],
    policy: { deviations: { allow: ["stand-in:*"] } },
  },
  "a flake that the policy lets pass": { runs: [one("flaky")], policy: { flaky: "promote" } },
  "a known failure": { runs: [one("failed")], known: [panic] },
  "a waived failure": { runs: [one("failed")], policy: { waivers: [waiver] } },
  "a waived gap": { runs: [one("not-run")], policy: { waivers: [waiver] } },
  "a failure of what is not required": {
    runs: [{ fates: { ...green.fates, "dnf/install": "failed" } }],
  },
  "kept budgets": {
    runs: [timed(30, 34)],
    previous: timed(30),
    policy: { budgets: { reboot: { seconds: 40, ratio: 1.2 } } },
  },
  "a ratio without a promoted run": {
    runs: [timed(30)],
    policy: { budgets: { reboot: { ratio: 1.2 } } },
  },
  "another accelerator than the promoted run's": {
    runs: [timed(90)],
    previous: { ...timed(30), head: onHost({ accelerator: "kvm" }) },
    policy: { budgets: { reboot: { ratio: 1.2 } } },
  },
  "a skip beside a pass, where the firmware is open": {
    runs: [
      green,
      {
        run: "bios",
        fates: { "boot/health": "skipped" },
        facts: {
          id: "boot/health@qemu-x86_64-bios",
          machine: { driver: "qemu", architecture: "x86_64", firmware: "bios" },
        },
      },
    ],
  },
});

export const held: Record<string, [Case, Decision["because"], RegExp]> = frozen({
  "a required job without a candidate": [
    {
      runs: [
        green,
        {
          run: "previous only",
          fates: { "bootc/status": "passed" },
          facts: { images: { previous: smallRun(green).model.jobs[0]?.images.candidate as never } },
        },
      ],
      policy: { require: [{ scenarios: ["boot/health", "bootc/status"] }] },
    },
    "cannot-tell",
    /^bootc\/status is required and was not run$/,
  ],
  "a simulated guest that does not say so": [
    { runs: [{ ...green, facts: { machine: { ...machine, driver: "simulated" } } }] },
    "cannot-tell",
    /does not allow the deviation 'simulated'/,
  ],
  "a value that the promoted run had and this one lacks": [
    { previous: timed(30), policy: { budgets: { reboot: { ratio: 1.2 } } } },
    "cannot-tell",
    /reboot on x86_64, uefi was not measured in boot\/health, bootc\/upgrade-rollback, and was in the last promoted run$/,
  ],
  "the image failed": [
    { runs: [one("failed")] },
    "image",
    /^boot\/health on x86_64, uefi failed: Guest 'v2' did not boot/,
  ],
  "the host broke": [
    { runs: [one("broken")] },
    "cannot-tell",
    /could not be judged: The ssh connection/,
  ],
  "a required scenario was not planned": [
    { runs: [{ fates: { "boot/health": "passed" } }] },
    "cannot-tell",
    /^bootc\/upgrade-rollback is required and was not run$/,
  ],
  "a required scenario was skipped": [
    { runs: [one("skipped")] },
    "cannot-tell",
    /is required and was skipped: it needs an image for 'previous'/,
  ],
  "the deadline came first": [
    { runs: [{ ...one("not-run"), stopped: "The run's deadline is near." }] },
    "cannot-tell",
    /is required and was not run: The run's deadline is near/,
  ],
  "the run was killed": [
    { runs: [{ ...green, killed: true }] },
    "cannot-tell",
    /has no end: it was killed or still goes on/,
  ],
  "a job was cut off": [{ runs: [{ ...one("open"), killed: true }] }, "cannot-tell", /interrupted/],
  "one point of the matrix is missing": [
    { policy: { require: [{ scenarios: ["boot/health"], firmware: ["uefi", "bios"] }] } },
    "cannot-tell",
    /^boot\/health on bios is required and was not run$/,
  ],
  "another architecture is required": [
    { policy: { require: [{ scenarios: ["boot/health"], architectures: ["aarch64"] }] } },
    "cannot-tell",
    /^boot\/health on aarch64 is required/,
  ],
  "another image is required": [
    { policy: { require: [{ scenarios: ["boot/health"], images: ["silverblue:*"] }] } },
    "cannot-tell",
    /^boot\/health on silverblue:\* is required/,
  ],
  "a flake": [{ runs: [one("flaky")] }, "cannot-tell", /is flaky, it passed only when tried again/],
  "a failure that was run again until it passed": [
    { runs: [one("failed"), { ...one("passed"), run: "again", startedAt: 7200 }] },
    "cannot-tell",
    /is flaky/,
  ],
  "a pass that failed in a second run": [
    { runs: [one("passed"), { ...one("failed"), run: "again", startedAt: 7200 }] },
    "image",
    /^boot\/health on x86_64, uefi failed: /,
  ],
  "a known failure whose time is over": [
    { runs: [one("failed")], known: [{ ...panic, until: "2026-11-20" }] },
    "image",
    /\(it was known until 2026-11-20, which is over: https:\/\/example.org\/issues\/7\)$/,
  ],
  "a known failure under a strict policy": [
    { runs: [one("failed")], known: [panic], policy: { knownFailures: "hold" } },
    "image",
    /the policy holds for known failures/,
  ],
  "a waiver that has ended": [
    { runs: [one("failed")], policy: { waivers: [{ ...waiver, until: "2026-11-20" }] } },
    "image",
    /\(the waiver by qa ended on 2026-11-20\)$/,
  ],
  "a waiver of another step": [
    { runs: [one("failed")], policy: { waivers: [{ ...waiver, step: "another" }] } },
    "image",
    /failed/,
  ],
  "a deviation that is not allowed": [
    {
      runs: [
        { ...green, more: deviation("simulated", "The guest is simulated: no image was booted.") },
      ],
    },
    "cannot-tell",
    /does not allow the deviation 'simulated' \(2 jobs\): The guest is simulated/,
  ],
  "a budget in seconds": [
    {
      runs: [{ ...timed(30, 61), head: onHost({ accelerator: "kvm" }) }],
      policy: { budgets: { reboot: { seconds: 60 } } },
    },
    "image",
    /^budget: reboot on x86_64, uefi took 61.0 s, the budget is 60.0 s$/,
  ],
  "a budget against the promoted run": [
    {
      runs: [timed(40, 44)],
      previous: timed(30),
      policy: { budgets: { reboot: { ratio: 1.2 } } },
    },
    "image",
    /1.40 times the last promoted run's 30.0 s; 1.2 times is the budget$/,
  ],
  "a budget that nothing measured": [
    { policy: { budgets: { install: { seconds: 60 } } } },
    "cannot-tell",
    /install on x86_64, uefi was not measured/,
  ],
  "too few passed": [
    { policy: { minimumPassed: 3 } },
    "cannot-tell",
    /2 required jobs passed, the policy wants 3/,
  ],
  "everything was excused": [
    {
      runs: [{ fates: { "boot/health": "failed" } }],
      policy: { require: [{ scenarios: ["boot/health"] }], waivers: [waiver] },
    },
    "cannot-tell",
    /nothing that is required passed/,
  ],
});
