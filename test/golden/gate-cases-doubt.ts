/** Verdicts where something looks like a proof, an excuse or a fault of the image, and is none. */

import type { Decision } from "../../harness/gate/verdict/decision.ts";
import { frozen } from "./frozen.ts";
import { type Case, green, measure, one, onHost, panic, timed, waiver } from "./gate-cases.ts";
import { type SmallRun, smallRun } from "./gate-runs.ts";

const ended = frozen({ ...waiver, by: "Ada", until: "2026-11-20" });
/** Words of the line on the console that the failure quotes. */
const printed = frozen({ ...panic, pattern: "Kernel panic - not syncing: VFS:" });
const bothFlaky: SmallRun = frozen({
  fates: { "boot/health": "flaky", "bootc/upgrade-rollback": "flaky" },
});
const images = frozen(smallRun(green).model.jobs[0]?.images ?? {});
const withStandIn: SmallRun = frozen({
  ...green,
  facts: {
    images: Object.fromEntries(
      Object.entries(images).map(([role, image]) => [role, { ...image, standIns: ["bootc"] }]),
    ),
  },
});
/** The candidate was given as a disk alone. */
const bareDisk: SmallRun = frozen({
  ...green,
  facts: {
    images: Object.fromEntries(
      Object.entries(images).map(([role, image]) => [role, { ...image, digestOf: "disk" }]),
    ),
  },
});
const pulled = (bytes: number): SmallRun => ({ ...green, more: measure("pulled.bytes", bytes) });

export const promotedInDoubt: Record<string, Case> = frozen({
  "an ended waiver beside one that counts": {
    runs: [one("failed")],
    policy: { waivers: [ended, waiver] },
  },
  "words of the guest that the list asks for, in their step": {
    runs: [one("failed")],
    known: [{ ...printed, in: "message", step: "boots the candidate" }],
  },
  "a stand-in in the image's facts that the policy allows": {
    runs: [withStandIn],
    policy: { deviations: { allow: ["stand-in:bootc"] } },
  },
  "a bare disk, where the policy does not ask for a proved digest": { runs: [bareDisk] },
  "an OCI image, where it does": { runs: [green], policy: { digests: "proved" } },
  "another number of processors than the promoted run's": {
    runs: [timed(90)],
    previous: { ...timed(30), head: onHost({ cpus: 8 }) },
    policy: { budgets: { reboot: { ratio: 1.2 } } },
  },
});

export const heldInDoubt: Record<string, [Case, Decision["because"], RegExp]> = frozen({
  "words of a known failure that the guest printed": [
    { runs: [one("failed")], known: [printed] },
    "image",
    /the words of https:\/\/example.org\/issues\/7 are the guest's here and do not count/,
  ],
  "words of the guest that the list asks for, in another step": [
    { runs: [one("failed")], known: [{ ...printed, in: "message", step: "start-up settles" }] },
    "image",
    /failed: Guest 'v2' did not boot: the kernel panicked in stage kernel\.$/,
  ],
  "flakes that the policy lets pass, and nothing else": [
    { runs: [bothFlaky], policy: { flaky: "promote", minimumPassed: 2 } },
    "cannot-tell",
    /^nothing that is required passed, so nothing is proved$/,
  ],
  "one flake too many for what has to pass": [
    { runs: [one("flaky")], policy: { flaky: "promote", minimumPassed: 2 } },
    "cannot-tell",
    /^1 required jobs passed, the policy wants 2$/,
  ],
  "a stand-in that only the image's facts tell of": [
    { runs: [withStandIn] },
    "cannot-tell",
    /does not allow the deviation 'stand-in:bootc' \(2 jobs\): 'bootc' in reference:v[12] is a stand-in/,
  ],
  "a bare disk, where the policy asks for a proved digest": [
    { runs: [bareDisk], policy: { digests: "proved" } },
    "cannot-tell",
    /^the policy wants a proved digest, and of reference:v2 only the disk was given: which image it holds is its guest's own word/,
  ],
  "a pass without a step": [
    { runs: [one("empty")] },
    "cannot-tell",
    /^boot\/health on x86_64, uefi passed without a single passed step, so it proves nothing$/,
  ],
  "a budget in seconds under emulation": [
    { runs: [timed(30, 200)], policy: { budgets: { reboot: { seconds: 120 } } } },
    "cannot-tell",
    /took 200.0 s under emulation \(tcg\), which takes many times as long; the budget is 120.0 s$/,
  ],
  "a budget in seconds under emulation, and slower than the promoted run": [
    {
      runs: [timed(200)],
      previous: timed(100),
      policy: { budgets: { reboot: { seconds: 120, ratio: 1.5 } } },
    },
    "image",
    /2.00 times the last promoted run's 100.0 s; 1.5 times is the budget$/,
  ],
  "a budget in bytes under emulation": [
    { runs: [pulled(3e9)], policy: { budgets: { pulled: { bytes: 2e9 } } } },
    "image",
    /^budget: pulled on x86_64, uefi took /,
  ],
  "bytes against a promoted run on another kind of host": [
    {
      runs: [pulled(3e9)],
      previous: { ...pulled(1e9), head: onHost({ accelerator: "kvm", cpus: 8 }) },
      policy: { budgets: { pulled: { ratio: 1.5 } } },
    },
    "image",
    /3.00 times the last promoted run's/,
  ],
});
