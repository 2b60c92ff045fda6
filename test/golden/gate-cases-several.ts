/** Verdicts on more than one candidate: what was shown of one says nothing about another. */

import type { Decision } from "../../harness/gate/verdict/decision.ts";
import { frozen } from "./frozen.ts";
import { type Case, green, required, waiver } from "./gate-cases.ts";
import type { SmallRun } from "./gate-runs.ts";
import { digest } from "./report-events.ts";

/** The same jobs for another image or architecture. */
const onOther = (
  name: string,
  mark: string,
  architecture: string,
  fates: SmallRun["fates"],
): SmallRun => ({
  run: `${name} ${architecture}`,
  fates,
  facts: {
    images: { candidate: { name, digest: digest(mark), architecture, standIns: [] } },
    machine: { driver: "qemu", architecture, firmware: "uefi" },
  },
});

export const promotedOfSeveral: Record<string, Case> = frozen({
  "two architectures, each proved": {
    runs: [green, onOther("reference:v2", "4", "aarch64", green.fates)],
  },
});

export const heldOfSeveral: Record<string, [Case, Decision["because"], RegExp]> = frozen({
  "a required scenario was not run for the other architecture": [
    { runs: [green, onOther("reference:v2", "4", "aarch64", { "boot/health": "passed" })] },
    "cannot-tell",
    /^bootc\/upgrade-rollback is required and was not run for reference:v2, aarch64$/,
  ],
  "a required scenario was skipped on the other architecture": [
    {
      runs: [
        green,
        onOther("reference:v2", "4", "aarch64", {
          ...green.fates,
          "bootc/upgrade-rollback": "skipped",
        }),
      ],
    },
    "cannot-tell",
    /on aarch64, uefi is required and was skipped/,
  ],
  "the policy is about one architecture and there are two candidates": [
    {
      runs: [green, onOther("reference:v2", "4", "aarch64", { "boot/health": "failed" })],
      policy: { require: [{ scenarios: required, architectures: ["x86_64"] }] },
    },
    "cannot-tell",
    /requires nothing of reference:v2, aarch64, so nothing is proved about it/,
  ],
  "the policy names one image and there are two": [
    {
      runs: [green, onOther("evil:v9", "9", "x86_64", { "boot/health": "failed" })],
      policy: { require: [{ scenarios: required, images: ["reference:*"] }] },
    },
    "cannot-tell",
    /requires nothing of evil:v9, x86_64/,
  ],
  "all that the other candidate has are excuses": [
    {
      runs: [green, onOther("iot:v2", "5", "x86_64", { "boot/health": "failed" })],
      policy: {
        require: [
          { scenarios: required, images: ["reference:*"] },
          { scenarios: ["boot/health"], images: ["iot:*"] },
        ],
        waivers: [waiver],
      },
    },
    "cannot-tell",
    /nothing that is required of iot:v2, x86_64 passed/,
  ],
});
