/** `install.seconds`, from the story that measures it to the gate: a budget that is too small holds, without a machine. */
import { expect, test } from "vitest";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import { decide } from "../../harness/gate/verdict/verdict.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { at, runStarted } from "../unit/support/one-job-run.ts";
import { rehearse, simulatedImage } from "./rehearse.ts";

async function judge(seconds: number) {
  const job = await rehearse("install/kickstart", null);
  const { name, digest, architecture } = simulatedImage("v2", "2");
  const candidate = { name, digest, architecture, standIns: [] };
  const model = foldRun([runStarted(job.id, { candidate }), { type: "run-ended", at }]);
  const policy = policySchema.parse({
    version: 1,
    name: "installs",
    require: [{ scenarios: ["install/kickstart"] }],
    deviations: { allow: ["*"] },
    budgets: { install: { seconds } },
  });
  const runs = [{ model: { ...model, jobs: [job] }, eventsDigest: `sha256:${"0".repeat(64)}` }];
  return decide({ runs, policy, known: noKnownFailures, now: new Date(at) });
}

test("an installation of 90 s is held by a budget of a minute, and let through by one of two", async () => {
  const held = await judge(60);
  expect(held.budgets).toMatchObject([
    { name: "install", value: 90, limit: 60, state: "exceeded" },
  ]);
  expect(held.verdict).toBe("HOLD");
  expect(held.reasons.join("\n")).toMatch(/install.* 90.*60/);
  const kept = await judge(120);
  expect(kept.budgets).toMatchObject([{ name: "install", value: 90, limit: 120, state: "kept" }]);
  expect(kept.verdict, kept.reasons.join("\n")).toBe("PROMOTE");
});
