/**
 * The gate's proof of itself: each way an image can be broken, the scenario that is meant to catch it, and the words
 * the verdict must have. A sabotage that is not caught, or caught for another reason, fails the self-test.
 */

import { usualDeviations } from "../base/deviations.ts";
import type { JobModel, RunModel } from "../log/model-schema.ts";
import { noKnownFailures } from "./known/known-failures.ts";
import { policySchema } from "./policy/policy.ts";
import { bootcCases } from "./selftest-bootc.ts";
import { bootupdCases } from "./selftest-bootupd.ts";
import type { SelftestCase } from "./selftest-case.ts";
import { composefsCases } from "./selftest-composefs.ts";
import { dnf5Cases } from "./selftest-dnf5.ts";
import { installerCases } from "./selftest-installers.ts";
import { layersCases } from "./selftest-layers.ts";
import { liveCases } from "./selftest-live.ts";
import { podmanCases } from "./selftest-podman.ts";
import { secureBootCases } from "./selftest-secure-boot.ts";
import { signatureCases } from "./selftest-signatures.ts";
import type { Decision } from "./verdict/decision.ts";
import { decide } from "./verdict/verdict.ts";

const good: SelftestCase[] = [
  "boot/health",
  "composefs/root",
  "bootc/status",
  "bootc/upgrade-rollback",
].map((scenario) => ({
  name: `good image passes ${scenario}`,
  images: { candidate: "reference:v2", previous: "reference:v1" },
  scenario,
  expect: { outcome: "passed" },
}));

/** Good images in shapes that must not be held against them. */
const odd: SelftestCase[] = [
  ["a good image that says nothing on the serial port passes", "reference:v2-quiet"],
  ["a good image that does not enable sshd passes", "reference:v2-no-sshd"],
].map(([name = "", candidate = ""]) => ({
  name,
  images: { candidate },
  scenario: "boot/health",
  expect: { outcome: "passed" },
}));

const broken: SelftestCase[] = [
  {
    name: "sshd does not start",
    images: { candidate: "reference:v2-dead-sshd" },
    scenario: "boot/health",
    expect: {
      outcome: "failed",
      type: "BootFailed",
      step: /^boots the candidate$/,
      message: /came up, but its ssh\.service has failed/,
    },
  },
  {
    name: "kernel panics at boot",
    images: { candidate: "reference:v2-panic" },
    scenario: "boot/health",
    expect: {
      outcome: "failed",
      type: "BootFailed",
      step: /^boots the candidate$/,
      message: /Kernel panic/,
    },
  },
  {
    name: "a unit fails at boot",
    images: { candidate: "reference:v2-failed-unit" },
    scenario: "boot/health",
    expect: { outcome: "failed", type: "ExpectationFailed", step: /^no unit has failed$/ },
  },
  {
    name: "initramfs drops composefs",
    images: { candidate: "reference:v2-no-composefs" },
    scenario: "composefs/root",
    expect: {
      outcome: "failed",
      type: "ExpectationFailed",
      step: /^\/ is mounted from composefs$/,
      message: /not composefs/,
    },
  },
  ...["nvme", "scsi"].map(
    (bus): SelftestCase => ({
      name: `boot: a name of virtio's does not fit a disk on ${bus}`,
      images: { candidate: "reference:v2-names-virtio" },
      scenario: `boot/${bus}`,
      suite: "full",
      expect: {
        outcome: "failed",
        type: "BootFailed",
        step: /^boots the candidate$/,
        stage: "userspace",
      },
    }),
  ),
  {
    name: "network is lost",
    images: { candidate: "reference:v2-no-network" },
    scenario: "boot/health",
    expect: {
      outcome: "failed",
      type: "BootFailed",
      step: /^boots the candidate$/,
      stage: "userspace",
    },
  },
  ...(
    [
      ["finalising the upgrade fails", "bootc/upgrade-rollback", {}],
      ["bootc: finalising what is staged fails", "bootc/staged-is-booted", { suite: "full" }],
    ] as const
  ).map(
    ([name, scenario, suite]): SelftestCase => ({
      ...{ name, scenario, ...suite },
      images: { previous: "reference:v1", candidate: "reference:v2-finalize-fails" },
      expect: {
        outcome: "failed",
        type: "ExpectationFailed",
        step: /^reboot lands in v2|^the staged deployment is the one/,
        message:
          /booted +expected reference:v2-finalize-fails[\s\S]*finalising [\s\S]*cannot merge/,
      },
    }),
  ),
];

/** All cases, the good image first. */
export const selftestCases: readonly SelftestCase[] = [
  ...good,
  ...odd,
  ...broken,
  ...installerCases,
  ...liveCases,
  ...bootcCases,
  ...bootupdCases,
  ...composefsCases,
  ...layersCases,
  ...dnf5Cases,
  ...podmanCases,
  ...secureBootCases,
  ...signatureCases,
];

/** What is wrong with how the gate judged a case, or null when it judged well. */
export function judge({ expect }: SelftestCase, job: JobModel): string | null {
  const { outcome } = job;
  if (outcome.kind !== expect.outcome) {
    const words =
      outcome.kind === "failed" || outcome.kind === "broken" ? `: ${outcome.error.headline}` : "";
    return `it was judged '${outcome.kind}', not '${expect.outcome}'${words}`;
  }
  if (outcome.kind !== "failed" && outcome.kind !== "broken") return null;
  const { error } = outcome;
  if (expect.type !== undefined && error.type !== expect.type)
    return `the error is a ${error.type}, not a ${expect.type}`;
  if (expect.message !== undefined && !expect.message.test(error.message)) {
    return `the message does not match ${expect.message}: ${error.headline}`;
  }
  if (expect.stage !== undefined && error.stage !== expect.stage) {
    return `the boot stage is '${error.stage ?? "none"}', not '${expect.stage}'`;
  }
  const failedStep = job.attempts.at(-1)?.steps.find((step) => step.outcome.kind !== "passed");
  if (
    expect.step !== undefined &&
    (failedStep === undefined || !expect.step.test(failedStep.name))
  ) {
    return `it failed in the step '${failedStep?.name ?? "none"}', which does not match ${expect.step}`;
  }
  return null;
}

/** What the gate decides on this one job: the scenario is required, and the reference OS's own stand-in is allowed. */
export function decideOn(model: RunModel, job: JobModel, now: Date): Decision {
  const policy = policySchema.parse({
    version: 1,
    name: "selftest",
    require: [{ scenarios: [job.scenario] }],
    deviations: {
      allow: [...usualDeviations, "stand-in:bootc", "stand-in:live-medium", "secure-boot-keys"],
    },
  });
  const runs = [{ model: { ...model, jobs: [job] }, eventsDigest: `sha256:${"0".repeat(64)}` }];
  return decide({ runs, policy, known: noKnownFailures, now });
}

/**
 * What is wrong with the gate's decision on a case, or null: a good image is promoted, a broken one held because of the
 * image, and what is nobody's or somebody else's fault held because nobody can tell.
 */
export function judgeDecision({ expect }: SelftestCase, decision: Decision): string | null {
  const wanted = expect.outcome === "passed" ? "PROMOTE" : "HOLD";
  if (decision.verdict !== wanted) {
    return `the gate says ${decision.verdict}, not ${wanted}: ${decision.reasons[0] ?? "without a reason"}`;
  }
  const because = expect.outcome === "broken" ? "cannot-tell" : "image";
  if (wanted === "HOLD" && decision.because !== because) {
    return `the gate holds since '${decision.because}', not '${because}': ${decision.reasons[0] ?? ""}`;
  }
  return null;
}
