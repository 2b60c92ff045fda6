/** One name that stands for an image of each architecture, in the reports of one run. */
import { expect, test } from "vitest";
import type { RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { html } from "../../reports/html.ts";
import { imageTable } from "../../reports/image-table.ts";
import { junit } from "../../reports/junit.ts";
import { markdown } from "../../reports/markdown.ts";
import { summary } from "../../reports/summary.ts";
import { at, digest, jobFacts, runStarted } from "../golden/report-events.ts";

const both = [
  { architecture: "x86_64", mark: "4", kind: "passed" },
  { architecture: "aarch64", mark: "5", kind: "skipped" },
] as const;

const jobs = both.map(({ architecture, mark }) =>
  jobFacts("boot/health", {
    id: `boot/health@qemu-${architecture}-uefi`,
    machine: { driver: "qemu", architecture, firmware: "uefi" },
    images: {
      candidate: { name: "reference:v2", digest: digest(mark), architecture, standIns: [] },
    },
  }),
);
const model = foldRun([
  runStarted(jobs),
  ...both.flatMap(({ kind }, index): RunEvent[] => {
    const job = jobs[index]?.id ?? "";
    const ended = { type: "job-ended", at: at(3), job, attempt: 1, durationMs: 1 } as const;
    if (kind === "skipped") return [{ ...ended, outcome: { kind, reason: "no emulator" } }];
    return [
      { type: "job-started", at: at(1), job, attempt: 1 },
      { type: "step-started", at: at(1), job, step: "a step" },
      ...[{ type: "step-ended", at: at(2), job, step: "a step", durationMs: 1 } as const].map(
        (step) => ({ ...step, outcome: { kind } }),
      ),
      { ...ended, outcome: { kind } },
    ];
  }),
  { type: "run-ended", at: at(9) },
]);

test("each has a column of its own", () => {
  expect(imageTable(model)?.columns).toEqual([
    "reference:v2 qemu x86_64 uefi",
    "reference:v2 qemu aarch64 uefi",
  ]);
});

test.each([
  ["the summary", summary(model)],
  ["Markdown", markdown(model)],
  ["HTML", html(model)],
])("%s tells the digest of each", (_title, text) => {
  for (const { mark } of both) expect(text).toContain(mark.repeat(12));
});

test("JUnit tells the machine of each", () => {
  for (const { architecture } of both)
    expect(junit(model)).toContain(`boot/health@qemu-${architecture}-uefi`);
});
