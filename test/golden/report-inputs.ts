/** What reports show beside the events of the sample run: a console that panics, a picture, and earlier runs. */

import type { JobHistory } from "../../harness/log/job-history.ts";
import type { RunModel } from "../../harness/log/model-schema.ts";
import type { Decision, ReportInputs } from "../../reports/inputs.ts";
import { renderEach } from "../../reports/render-all.ts";
import { frozen } from "./frozen.ts";
import { panicLine } from "./report-events.ts";

const boot = frozen(
  Array.from(
    { length: 40 },
    (_, index) =>
      `[   ${(5 + index * 0.16).toFixed(6)}] pci 0000:00:0${index % 8}.0: BAR ${index % 6}`,
  ),
);

const past = (more: Partial<JobHistory> = {}): JobHistory => ({
  accelerator: "tcg",
  runs: 30,
  ran: 30,
  failed: 0,
  broken: 0,
  flaky: 0,
  failureRate: 0,
  flakeRate: 0,
  expectedMs: 61_500,
  failingFor: 0,
  ...more,
});

const noRuns = frozen({ runs: 0, ran: 0, expectedMs: null });

export const sampleInputs: ReportInputs = frozen({
  consoles: new Map([
    [
      "jobs/boot-health/console-v2.log",
      {
        firstLineNumber: 1201,
        lines: [
          ...boot,
          "[   11.401877] List of all partitions:",
          panicLine,
          "[   11.402400] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.17.0",
          "[   11.403001] ---[ end Kernel panic - not syncing ]---",
        ],
      },
    ],
  ]),
  history: new Map([
    ["bootc/upgrade-rollback@qemu-x86_64-uefi", past()],
    [
      "boot/health@qemu-x86_64-uefi",
      past({ failed: 2, broken: 1, flaky: 3, failureRate: 0.1, flakeRate: 0.1, failingFor: 2 }),
    ],
    ["composefs/root@qemu-x86_64-uefi", past()],
    ["bootc/etc-var-kept@qemu-x86_64-bios", past({ flaky: 4, flakeRate: 4 / 30 })],
    ["boot/health@board-pi4", past(noRuns)],
  ]),
  screenshots: new Map([
    [
      "jobs/boot-health/v2.png",
      "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    ],
  ]),
});

const kept = frozen({ median: null, previousMedian: null, ratio: null, ratioLimit: null });
const where = frozen({ architecture: "x86_64", firmware: "uefi" });

/** A hold that names a job, with budgets, a waiver and a note. */
export const sampleDecision: Decision = frozen({
  verdict: "HOLD",
  because: "image",
  reasons: ["boot/health failed: the kernel panicked", "composefs/root cannot be judged"],
  unsatisfied: [
    {
      type: "test-result-failed",
      excuse: null,
      because: "image",
      scenario: "boot/health",
      job: "boot/health@qemu-x86_64-uefi",
      image: null,
      ...where,
      reason: "boot/health failed: the kernel panicked",
    },
  ],
  budgets: [
    {
      name: "boot",
      ...where,
      value: 61,
      limit: 120,
      ...kept,
      state: "kept",
      note: "boot took 61 s",
    },
    {
      name: "pulled",
      ...where,
      value: null,
      limit: 10,
      ...kept,
      state: "not-measured",
      note: "pulled was not measured",
    },
  ],
  waived: [
    {
      scenario: "composefs/root",
      job: null,
      by: "Ada",
      until: "2026-12-31",
      reason: "GRUB on BIOS misses the root hash",
    },
  ],
  notes: ["the promoted run was on another kind of host"],
});

/** Every report of a run by its file's name. */
export const renderAll = (model: RunModel, inputs: ReportInputs = {}): Map<string, string> =>
  new Map(renderEach(model, inputs));
