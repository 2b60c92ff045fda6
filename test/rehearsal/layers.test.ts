/** The stories of layered hosts on systems that nothing can be layered on: skipped, with the reason. */
import { expect, test } from "vitest";
import { basePackageSteps } from "../../harness/engine/base-packages.ts";
import { locksLayering } from "../../harness/engine/layered-host.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { layersWithoutRpmOstree } from "./layers-stories.ts";
import { rehearse } from "./rehearse.ts";

test.each(Object.entries(layersWithoutRpmOstree))(
  "without rpm-ostree %s is skipped",
  async (id, reason) => {
    const { outcome } = await rehearse(id, null, {
      world: { lacksRpmOstree: true },
      start: "fork",
    });
    expect(outcome).toEqual({ kind: "skipped", reason: expect.stringMatching(reason) });
  },
);

test.each(Object.keys(layersWithoutRpmOstree))(
  "%s is skipped where the image does not allow layering",
  async (id) => {
    const { outcome } = await rehearse(id, null, {
      world: { etc: { "rpm-ostreed.conf": "[Daemon]\nLockLayering=true\n" } },
      start: "fork",
    });
    expect(outcome).toEqual({
      kind: "skipped",
      reason: expect.stringMatching(/does not allow layered packages \(LockLayering in/),
    });
  },
);

/** A host whose image has the packages that stories have replaced and removed. */
const changeable = { packages: basePackageSteps.shipped, baseDatabase: null };

test.each(["layers/inventory-and-refusal", "layers/derive-and-switch"])(
  "an image that has the packages to be changed passes %s as it is",
  async (id) => {
    const { outcome, attempts } = await rehearse(id, null, { world: changeable, start: "fork" });
    expect(outcome).toEqual({ kind: "passed" });
    expect(JSON.stringify(attempts)).not.toContain("Nothing is said of replaced");
    expect(JSON.stringify(attempts)).not.toContain("with-base");
  },
);

test.each(["layers/inventory-and-refusal", "layers/derive-and-switch"])(
  "an image whose own list of the base is older than they are is not judged by %s",
  async (id) => {
    const world = { packages: basePackageSteps.shipped, baseDatabase: ["filesystem-3-1.noarch"] };
    const { outcome } = await rehearse(id, null, { world, start: "fork" });
    expect(outcome).toMatchObject({ kind: "broken", error: { type: "CannotTell" } });
    expect(JSON.stringify(outcome)).toContain("Inactive base removals");
  },
);

test("an image without them is told not to be judged by replaced and removed packages", async () => {
  const { attempts } = await rehearse("layers/inventory-and-refusal", null, { start: "fork" });
  expect(JSON.stringify(attempts)).toContain("Nothing is said of replaced and removed packages");
});

const caughtThere: readonly (readonly [SabotageName, string, RegExp])[] = [
  [
    "override-ignored",
    "layers/inventory-and-refusal",
    /^a package from a file is layered and boots$/,
  ],
  [
    "overrides-untold",
    "layers/inventory-and-refusal",
    /^rpm-ostree tells the package and its base$/,
  ],
  ["switch-ignored", "layers/derive-and-switch", /^the switch to the image that brings/],
  ["database-stays", "layers/derive-and-switch", /^a package is layered on v1, one replaced/],
  ["removal-leaves-files", "layers/derive-and-switch", /^files and package database have/],
];

test.each(caughtThere)("on such an image %s is caught by %s", async (sabotage, id, step) => {
  const { outcome, attempts } = await rehearse(id, sabotage, { world: changeable });
  expect(outcome.kind).toBe("failed");
  const failed = attempts.at(-1)?.steps.find((one) => one.outcome?.kind === "failed");
  expect(failed?.name).toMatch(step);
});

test.each([
  ["[Daemon]\nLockLayering=true\n", true],
  ["[Daemon]\n LockLayering = 1\n", true],
  ["[Daemon]\n#LockLayering=true\n", false],
  ["[Daemon]\nLockLayering=true\nLockLayering=false\n", false],
  ["", false],
  [null, false],
])("%j locks layering: %s", (text, locks) => expect(locksLayering(text)).toBe(locks));

test.each([
  ["layers/rollback", "skipped"],
  ["layers/derive-and-switch", "passed"],
])("a bootc that refuses to switch a layered host is as good in %s: %s", async (id, kind) => {
  const { outcome } = await rehearse(id, null, { world: { refusesLayeredSwitch: true } });
  expect(outcome.kind).toBe(kind);
});
