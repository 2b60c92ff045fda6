/** Verdicts on a job that was run more than once: running again takes away no failure and no value. */

import type { Decision } from "../../harness/gate/verdict/decision.ts";
import type { JudgedRun } from "../../harness/gate/verdict/gated-jobs.ts";
import { frozen } from "./frozen.ts";
import { type Case, one, onHost, panic, timed, waiver } from "./gate-cases.ts";
import { type Fate, type SmallRun, smallRun } from "./gate-runs.ts";

const later = (run: SmallRun, hours = 1): SmallRun => ({
  ...run,
  run: `${hours} h later`,
  startedAt: hours * 7200,
});
/** `boot/health` ended so in the first run, and so in each later one. */
const runsOf = (...fates: Fate[]): SmallRun[] =>
  fates.map((fate, place) => (place === 0 ? one(fate) : later(one(fate), place)));

const step = "boots the candidate";
const waivedStep = frozen({ waivers: [{ ...waiver, step }] });
/** The same run, with everything of that step in another one. */
function elsewhere(run: SmallRun): JudgedRun {
  const text = JSON.stringify(smallRun(run)).replaceAll(step, "usr cannot be written");
  return JSON.parse(text) as JudgedRun;
}
/** One run in which `boot/health` failed and failed again elsewhere when it was retried. */
function retriedElsewhere(): JudgedRun {
  const run = smallRun(one("failed"));
  const second = elsewhere(one("failed")).model.jobs[0]?.attempts ?? [];
  run.model.jobs[0]?.attempts.push(...second.map((attempt) => ({ ...attempt, attempt: 2 })));
  return run;
}

const on = (accelerator: string, run: SmallRun, cpus = 2): SmallRun => ({
  ...run,
  head: onHost({ accelerator, cpus }),
});
const minute = frozen({ budgets: { reboot: { seconds: 60 } } });
const ratio = frozen({ budgets: { reboot: { ratio: 1.5 } } });

export const promotedAgain: Record<string, Case> = frozen({
  "a failure of the waived step in both runs": {
    runs: runsOf("failed", "failed"),
    policy: waivedStep,
  },
  "a waived step that failed before it passed": {
    runs: runsOf("failed", "passed"),
    policy: waivedStep,
  },
  "a failure before a pass, where flakes may pass": {
    runs: runsOf("failed", "passed"),
    policy: { flaky: "promote" },
  },
  "a known failure after a pass": { runs: runsOf("passed", "failed"), known: [panic] },
  "a later pass that is slower, and not too slow": {
    runs: [timed(30), later(timed(40))],
    previous: timed(30),
    policy: { budgets: { reboot: { seconds: 60, ratio: 1.5 } } },
  },
});

export const heldAgain: Record<string, [Case, Decision["because"], RegExp]> = frozen({
  "a waiver of one step, and a second run that failed in another": [
    { runs: [one("failed"), elsewhere(later(one("failed")))], policy: waivedStep },
    "image",
    /^boot\/health on x86_64, uefi failed: /,
  ],
  "a waiver of one step, and a retry that failed in another": [
    { runs: [retriedElsewhere()], policy: waivedStep },
    "image",
    /^boot\/health on x86_64, uefi failed: /,
  ],
  "a waiver of a step, and a pass without any": [
    { runs: [one("empty")], policy: waivedStep },
    "cannot-tell",
    /without a single passed step/,
  ],
  "a pass and a later failure, where flakes may pass": [
    { runs: runsOf("passed", "failed"), policy: { flaky: "promote" } },
    "image",
    /^boot\/health on x86_64, uefi failed: Guest 'v2' did not boot/,
  ],
  "a pass and a later run that broke, where flakes may pass": [
    { runs: runsOf("passed", "broken"), policy: { flaky: "promote" } },
    "cannot-tell",
    /^boot\/health on x86_64, uefi could not be judged: /,
  ],
  "a flake and a later failure, where flakes may pass": [
    { runs: runsOf("flaky", "failed"), policy: { flaky: "promote" } },
    "image",
    /^boot\/health on x86_64, uefi failed: Guest 'v2' did not boot/,
  ],
  "a pass without a step and a later failure": [
    { runs: runsOf("empty", "failed") },
    "image",
    /^boot\/health on x86_64, uefi failed: /,
  ],
  "a pass, a failure and a pass": [
    { runs: runsOf("passed", "failed", "passed") },
    "cannot-tell",
    /is flaky, it passed, failed and passed again: Guest 'v2' did not boot/,
  ],
  "a pass and a later flake": [
    { runs: runsOf("passed", "flaky") },
    "cannot-tell",
    /is flaky, it passed, failed and passed again: The ssh connection/,
  ],
  "a limit that a later pass kept": [
    { runs: [on("kvm", timed(100)), later(on("kvm", timed(30)))], policy: minute },
    "image",
    /^budget: reboot on x86_64, uefi took 100.0 s, the budget is 60.0 s$/,
  ],
  "a limit that a later pass under emulation kept": [
    { runs: [on("kvm", timed(100)), later(on("tcg", timed(30)))], policy: minute },
    "image",
    /^budget: reboot on x86_64, uefi took 100.0 s, the budget is 60.0 s$/,
  ],
  "a limit that only an earlier pass under emulation exceeded": [
    { runs: [on("tcg", timed(100)), later(on("kvm", timed(30)))], policy: minute },
    "cannot-tell",
    /took 100.0 s under emulation \(tcg\)/,
  ],
  "a limit that was exceeded before a waived failure under emulation": [
    {
      runs: [on("kvm", timed(100)), later(on("tcg", one("failed")))],
      policy: { ...minute, waivers: [waiver] },
    },
    "image",
    /^budget: reboot on x86_64, uefi took 100.0 s, the budget is 60.0 s$/,
  ],
  "a ratio that a later pass on another host cannot be compared in": [
    {
      runs: [on("kvm", timed(90)), later(on("tcg", timed(90)))],
      previous: on("kvm", timed(30)),
      policy: ratio,
    },
    "image",
    /3.00 times the last promoted run's 30.0 s/,
  ],
});
