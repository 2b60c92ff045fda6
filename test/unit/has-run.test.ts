/** What `docs/scenarios.md` says that scenarios have run on: from logs, and never more than they show. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../harness/base/outcome.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import {
  type HasRun,
  hasRunSchema,
  hasRunWords,
  rowsOf,
  withRuns,
} from "../../harness/cli/docs/has-run.ts";
import { loadYaml } from "../../harness/config/load-yaml.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { hardwareWords, imageWords } from "../../harness/engine/need-words.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { at, runStarted } from "./support/one-job-run.ts";

const error = { type: "X", headline: "x", message: "x" };

function rows(name: string, outcome: Outcome, id = "boot/health@qemu-x86_64-uefi"): HasRun[] {
  const image = { name, digest: `sha256:${"1".repeat(64)}`, architecture: "x86_64", standIns: [] };
  return rowsOf(
    foldRun([
      runStarted(id, { candidate: image }),
      { type: "job-started", at, job: id, attempt: 1 },
      { type: "job-ended", at, job: id, attempt: 1, outcome, durationMs: 1 },
      { type: "run-ended", at },
    ]),
  );
}

const row: HasRun = {
  scenario: "boot/health",
  on: "silverblue:44",
  standIns: [],
  accelerator: "kvm",
  date: "2026-11-25",
  outcome: "passed",
  harness: "0.1.0",
};

describe("a run shows", () => {
  test("how it ended on an image that others can have by that name", () => {
    expect(rows("silverblue:44", { kind: "passed" })).toMatchObject([
      { scenario: "boot/health", on: "silverblue:44", outcome: "passed" },
    ]);
    expect(rows("silverblue:44", { kind: "failed", error })).toMatchObject([{ outcome: "failed" }]);
  });

  test.each([
    ["what was skipped", "silverblue:44", { kind: "skipped", reason: "no" }, undefined],
    ["what nobody can tell", "silverblue:44", { kind: "broken", error }, undefined],
    ["a file of one host", "./disk.qcow2", { kind: "passed" }, undefined],
    ["a registry of one host", "docker://localhost:5000/os:1", { kind: "passed" }, undefined],
    ["an image that is broken on purpose", "reference:v2-panic", { kind: "passed" }, undefined],
    [
      "a case of the self-test",
      "reference:v2",
      { kind: "failed", error },
      "boot/health@qemu-x86_64-uefi#case",
    ],
  ] as const)("nothing of %s", (_, name, outcome, id) => {
    expect(rows(name, outcome, id)).toEqual([]);
  });
});

test("of one scenario and image the newest counts, whatever the order", () => {
  const newer = { ...row, date: "2026-11-26", outcome: "failed" } as const;
  expect(withRuns([row], [newer])).toEqual([newer]);
  expect(withRuns([newer], [row])).toEqual([newer]);
  const other = { ...row, on: "reference:v2" };
  expect(withRuns([row], [other])).toEqual([other, row]);
});

test("what never ran, and what only ran with stand-ins, says so", () => {
  expect(hasRunWords("boot/health", [])).toBe("never run on a machine");
  expect(hasRunWords("boot/health", [row])).toBe("passed on `silverblue:44`, kvm, 2026-11-25");
  expect(hasRunWords("boot/health", [{ ...row, on: "reference:v2", standIns: ["bootc"] }])).toBe(
    "passed on `reference:v2` (bootc: a stand-in), kvm, 2026-11-25; never passed on a real image",
  );
  expect(hasRunWords("boot/health", [{ ...row, outcome: "failed" }])).toMatch(
    /; never passed on a real image$/,
  );
});

test("the file names scenarios that exist", async () => {
  const path = join(packageRoot, "scenarios", "has-run.yaml");
  const { runs } = await loadYaml(path, hasRunSchema);
  const ids = (await discoverScenarios()).map(({ id }) => id);
  expect(runs.map(({ scenario }) => scenario).filter((id) => !ids.includes(id))).toEqual([]);
});

test("needs are told in a few words", () => {
  expect(hardwareWords({ images: ["candidate"] })).toBe("");
  expect(
    hardwareWords({
      images: ["candidate"],
      capabilities: ["power"],
      architectures: ["aarch64"],
      memoryMiB: 4096,
      blankDisksMiB: [1, 1],
      guests: 2,
    }),
  ).toBe("power, aarch64, 4096 MiB, 2 more disks, 2 guests");
  expect(
    imageWords({ images: ["candidate"], installs: ["candidate"], promises: ["composefs"] }),
  ).toBe("candidate; an ISO; promises composefs");
  const kernel = { images: ["candidate"], guests: 2, kernelPackages: true } as const;
  expect(hardwareWords(kernel)).toBe("2 guests, --kernel-packages");
});
