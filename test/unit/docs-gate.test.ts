/** The policy and the list of known failures that docs/gate.md shows are ones that bootgate takes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { nearestWord } from "../../harness/config/nearest.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { knownFailuresSchema } from "../../harness/gate/known/known-failures.ts";
import { checkKnown, checkPolicy } from "../../harness/gate/policy/check-policy.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { deviationsOf, type Typed } from "../../harness/machine/qemu/deviations.ts";

const spec: MachineSpec = {
  name: "v2",
  architecture: "x86_64",
  firmware: "uefi",
  memoryMiB: 1536,
  cpus: 2,
  disks: [],
  network: "closed",
  credentials: { "ssh.authorized_keys.root": "key" },
  imageDigest: `sha256:${"0".repeat(64)}`,
  forwards: [],
};

test("what was typed while a template booted is told of each of its forks", () => {
  const how = { accelerator: "kvm", start: "fork" } as const;
  const ids = (typed: readonly Typed[]) =>
    deviationsOf(spec, { ...how, typed }).map(({ id }) => id);
  expect(ids([])).not.toContain("menu-enter");
  expect(ids(["menu-enter", "passphrase-typed"])).toEqual(
    expect.arrayContaining(["fork", "menu-enter", "passphrase-typed"]),
  );
});

test("the examples of docs/gate.md hold", async () => {
  const path = join(import.meta.dirname, "..", "..", "docs", "gate.md");
  const page = await readFile(path, "utf8");
  const [policy = "", known = "", ...others] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(
    ([, text = ""]) => text,
  );
  expect(others).toEqual([]);
  const loaded = await discoverScenarios();
  const scenarios = loaded.map(({ id, definition: { needs, measures = [] } }) => ({
    id,
    needs,
    measures,
  }));
  const context = { scenarios, images: [], now: new Date("2026-11-21"), nearest: nearestWord };
  const parsed = parseYaml(policy, path, policySchema);
  checkPolicy(parsed, context);
  // It lets through what a run of its own scenarios on its own machines always has: else it could never promote.
  const allowed = [...(parsed.deviations?.allow ?? [])];
  const machines = (["uefi", "bios"] as const).flatMap((firmware) =>
    deviationsOf({ ...spec, firmware }, { accelerator: "tcg", start: "fork" }),
  );
  for (const { id } of machines) expect(allowed).toContain(id);
  expect(allowed).toEqual(
    expect.arrayContaining(["ssh-key", "insecure-registry", "origin-changed"]),
  );
  const list = parseYaml(known, path, knownFailuresSchema);
  checkKnown(list, context);
  // Each step is one that its scenario has.
  expect(list.failures).toHaveLength(2);
  const root = join(import.meta.dirname, "..", "..");
  for (const { scenario, step } of list.failures) {
    const story = await readFile(join(root, "scenarios", `${scenario}.ts`), "utf8");
    const shared = story.includes("expectHealthy(")
      ? await readFile(join(root, "harness", "engine", "healthy.ts"), "utf8")
      : "";
    expect(story + shared).toContain(`"${step}"`);
  }
});
