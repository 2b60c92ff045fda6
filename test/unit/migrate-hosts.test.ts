/** The plan for hosts as they are found: of an old release, and with a deployment that is staged. */
import { expect, test } from "vitest";
import { parseStatus } from "../../harness/cli/commands/migrate-plan-command.ts";
import { type MigratePlan, planMigration } from "../../harness/migrate/migrate-plan.ts";
import { deploymentOf, statusOf } from "../golden/rpm-ostree-status.ts";

const read = (status: unknown) => parseStatus(JSON.stringify(status), "status.json");
const planFor = (more: Readonly<Record<string, unknown>>): MigratePlan =>
  planMigration({
    status: read(statusOf(deploymentOf(more))),
    slot: "booted",
    kernelArguments: null,
  });

test("a release without bootc is brought to one that has it first", () => {
  const plan = planFor({
    origin: "fedora:fedora/38/x86_64/silverblue",
    "requested-packages": ["htop"],
  });
  expect(plan.base).toBeNull();
  expect(plan.needed[0]).toMatch(/Fedora 38 has neither bootc nor dnf .*release 41 or later/);
});

test("what is pinned is today's deployment, and never one that is staged", () => {
  const more = { "requested-packages": ["htop"] };
  const status = statusOf(
    deploymentOf({ ...more, booted: false, staged: true }),
    deploymentOf({ ...more, booted: true }),
  );
  const plan = planMigration({ status: read(status), slot: "next", kernelArguments: null });
  expect(plan.steps.join("\n")).toContain("ostree admin pin 1 ");
});
