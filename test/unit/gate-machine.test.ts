/** A policy that names the kind of machine on which something has to be shown. */
import { describe, expect, test } from "vitest";
import { cellsOf, cellWords, policySchema } from "../../harness/gate/policy/policy.ts";
import { machinesOf } from "../../harness/gate/verdict/decision-facts.ts";
import { type GatedJob, mergeJobs } from "../../harness/gate/verdict/gated-jobs.ts";
import { isIn } from "../../harness/gate/verdict/judge-cell.ts";
import type { JobModel } from "../../harness/log/model-schema.ts";
import { judge, one, required } from "../golden/gate-cases.ts";
import { smallRun } from "../golden/gate-runs.ts";

const board = { driver: "board", architecture: "x86_64", firmware: "uefi" };

describe("the kind of machine in the matrix", () => {
  const rule = { scenarios: ["boot/health"], machines: ["qemu"], firmware: ["uefi"] };
  const [cell] = cellsOf(policySchema.parse({ version: 1, require: [rule] }));
  if (cell === undefined) throw new Error("the rule made no cell");
  const jobOn = (driver: string): JobModel => {
    const [job] = smallRun(one("passed")).model.jobs;
    if (job === undefined) throw new Error("the run has no job");
    return { ...job, machine: { ...job.machine, driver, firmware: "uefi" } };
  };

  test("is a part of the cell and of its words", () => {
    expect(cell).toMatchObject({ machine: "qemu", firmware: "uefi" });
    expect(cellWords(cell)).toBe("boot/health on qemu, uefi");
  });
  test("what another kind of machine showed is not what is required", () => {
    expect(["qemu", "board"].map((driver) => isIn(cell, jobOn(driver)))).toEqual([true, false]);
    expect(isIn({ ...cell, machine: null }, jobOn("board"))).toBe(true);
  });
  test("a kind that no run can have is refused", () => {
    const parsed = policySchema.safeParse({ version: 1, require: [{ ...rule, machines: ["x"] }] });
    expect(parsed.success).toBe(false);
  });
  test("one that was not run there is missing, and a waiver can be for that kind alone", () => {
    const rule = { scenarios: required, machines: ["qemu"] };
    const onBoard = { runs: [{ ...one("passed"), facts: { machine: board } }] };
    const held = judge({ ...onBoard, policy: { require: [rule] } });
    expect(held.reasons[0]).toMatch(/on qemu is required and was not run/);
    const waivers = required.map((scenario) => ({
      scenario,
      machines: ["qemu"],
      by: "qa",
      until: "2026-12-31",
      reason: "no host",
    }));
    const waived = judge({ ...onBoard, policy: { require: [rule], waivers } });
    expect(waived.waived).toHaveLength(required.length);
    expect(waived.satisfied.map(({ excuse }) => excuse)).toEqual(["waived", "waived"]);
    // What the board itself did not show is not covered by a waiver for another kind of machine.
    const failed = { runs: [{ ...one("failed"), facts: { machine: board } }] };
    expect(judge({ ...failed, policy: { waivers } }).waived).toEqual([]);
  });
});

test("two boards are two machines of a decision", () => {
  const [job] = smallRun(one("passed")).model.jobs;
  const ran = ["pi-3", "pi-4"].map((name) => ({
    job: { ...job, machine: { ...board, board: name } },
    accelerator: "none",
  }));
  expect(machinesOf(ran as unknown as GatedJob[])).toMatchObject([
    { machine: "board:pi-3", jobs: 1 },
    { machine: "board:pi-4", jobs: 1 },
  ]);
});

test("a board's row has its own accelerator, whatever the run's other machines were emulated by", () => {
  const run = smallRun(one("passed"));
  const guest = { accelerator: "none" };
  const jobs = run.model.jobs.map((job) => ({
    ...job,
    attempts: job.attempts.map((attempt) => ({ ...attempt, guests: [guest] })),
  }));
  const model = { ...run.model, host: { ...run.model.host, accelerator: "none, tcg" }, jobs };
  const merged = mergeJobs([
    { ...run, model } as unknown as Parameters<typeof mergeJobs>[0][number],
  ]);
  expect(new Set(merged.map(({ accelerator }) => accelerator))).toEqual(new Set(["none"]));
});
