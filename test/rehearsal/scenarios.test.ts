/**
 * Every scenario passes on the good simulated guest, and fails on each sabotage meant for it, in the right step and
 * with the right blame. A scenario without a sabotage here is a check that nobody has seen fail.
 */
import { describe, expect, test } from "vitest";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { rehearse, rehearseStory, storyOf } from "./rehearse.ts";

type Caught = readonly [sabotage: SabotageName, outcome: "failed" | "broken", step: RegExp];

const boots = /^boots the candidate$/;

const table: Readonly<Record<string, readonly Caught[]>> = {
  "boot/health": [
    ["panics-on-boot", "failed", boots],
    ["loses-network", "failed", boots],
    ["failed-unit", "failed", /^no unit has failed$/],
    ["journal-fatal", "failed", /^the journal has no fatal line$/],
    ["drops-ssh", "broken", /^start-up settles$/],
    ["machine-dies", "broken", /^start-up settles$/],
    ["hangs", "failed", /^start-up settles$/],
    ["reboots-itself", "failed", /^start-up settles$/],
  ],
  "composefs/root": [
    ["no-composefs", "failed", /^\/ is mounted from composefs$/],
    ["composefs-flag-only", "failed", /^\/ is mounted from composefs$/],
    ["usr-writable", "failed", /^\/usr cannot be written$/],
    ["junk", "failed", /^\/ is mounted from composefs$/],
  ],
  "bootc/status": [
    ["status-schema", "failed", /^the status follows the schema$/],
    ["status-wrong-type", "failed", /^the status follows the schema$/],
    ["floods", "failed", /^bootc tells its version$/],
  ],
  "bootc/upgrade-rollback": [
    ["stays-on-old", "failed", /^reboot lands in v2/],
    ["loses-rollback", "failed", /^reboot lands in v2/],
    ["wrong-digest", "failed", /^reboot lands in v2/],
    ["loses-staged", "failed", /^upgrade stages v2/],
    ["rollback-ignored", "failed", /^rollback and reboot return/],
    ["same-boot", "failed", /^reboot lands in v2/],
    ["panics-on-boot", "failed", /^reboot lands in v2/],
    ["loses-network", "failed", /^reboot lands in v2/],
  ],
  "bootc/upgrade-nothing-new": [["upgrade-noop-stages", "failed", /^upgrade stages nothing$/]],
  "bootc/switch": [
    ["switch-ignored", "failed", /^switch stages v2/],
    ["stays-on-old", "failed", /^reboot lands in v2/],
  ],
  "bootc/staged-is-booted": [
    ["stays-on-old", "failed", /^the staged deployment is the one that boots$/],
    ["wrong-digest", "failed", /^the staged deployment is the one that boots$/],
    ["loses-staged", "failed", /^upgrade stages a deployment$/],
  ],
  "bootc/etc-var-kept": [
    ["etc-merge-lost", "failed", /^v2 has the local changes/],
    ["var-lost", "failed", /^v2 has the local changes/],
    ["rollback-ignored", "failed", /^rollback returns/],
  ],
};

test("every scenario has a sabotage that it must catch", async () => {
  const ids = (await discoverScenarios()).map(({ id }) => id);
  expect(Object.keys(table).sort()).toEqual(ids);
});

describe.each(Object.entries(table))("%s", (id, sabotages) => {
  test("passes on the good guest", async () => {
    const story = await storyOf(id);
    const job = await rehearseStory(story, null, { pulledBytes: async () => 1 });
    const measured = job.attempts.flatMap((attempt) => attempt.measures.map(({ name }) => name));
    expect(measured).toEqual(expect.arrayContaining([...(story.definition.measures ?? [])]));
    const steps = job.attempts.flatMap((attempt) => attempt.steps);
    expect(steps.filter((step) => step.outcome.kind !== "passed")).toEqual([]);
    expect(job.outcome).toEqual({ kind: "passed" });
  });

  test.each(sabotages)("does not pass when the guest %s", async (sabotage, outcome, step) => {
    const job = await rehearse(id, sabotage);
    expect(job.outcome.kind, JSON.stringify(job.outcome).slice(0, 1500)).toBe(outcome);
    const culprit = job.attempts.at(-1)?.steps.find(({ outcome: { kind } }) => kind !== "passed");
    expect(culprit?.name).toMatch(step);
  });
});

test("the finalisation's journal is in the message when the staged deployment is gone", async () => {
  const { outcome } = await rehearse("bootc/staged-is-booted", "stays-on-old");
  expect(outcome.kind === "failed" && outcome.error.message).toMatch(
    /finalising +\S.*ostree-finalize-staged|finalising[^\n]*\n[^\n]*ostree/i,
  );
});
