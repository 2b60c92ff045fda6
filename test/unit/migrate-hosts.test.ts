/** The plan for hosts as they are found: of an old release, and with a deployment that is staged. */
import { expect, test } from "vitest";
import { deploymentOf, statusOf } from "../golden/rpm-ostree-status.ts";
import { planFor, planOf } from "./support/migrate-plan.ts";

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
  const plan = planOf(status, "next");
  expect(plan.steps.join("\n")).toContain("ostree admin pin 1 ");
});

test("what an old status tells by its version is removed by its name", () => {
  const row = ["nano-5.6-1.fc34.x86_64", "nano", 0, "5.6", "1.fc34", "x86_64"];
  const { containerfile } = planFor({ "base-removals": [row] });
  expect(containerfile).toContain("--action=remove nano;");
  expect(containerfile).toContain("rpm --erase --nodeps nano && dnf check --dependencies;");
});
