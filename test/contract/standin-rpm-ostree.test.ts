/** The stand-in `rpm-ostree`: what it makes of origins and commits, read by the product's own reader, and what it refuses. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { changeRows, localChanges, rpmOstreeStatus } from "../../harness/guest/tools/rpm-ostree.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function world(): Promise<{
  readonly status: unknown;
  readonly incompatible: readonly boolean[];
  readonly origins: readonly string[];
  readonly refused: readonly (readonly [number, string])[];
}> {
  const run = await attemptCommand("python3", [here("support/standin_rpm_ostree.py")], {
    input: JSON.stringify({ standin: here("../../images/reference/standin") }),
  });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout) as Awaited<ReturnType<typeof world>>;
}

test("the stand-in for rpm-ostree tells layers as the real one does, and bootc's sees them", async () => {
  const { status, incompatible, origins, refused } = await world();
  const [layered, base] = rpmOstreeStatus.parse(status).deployments;
  if (layered === undefined || base === undefined) throw new Error("Deployments are missing.");
  expect(changeRows(localChanges(layered))).toEqual([
    { what: "package from a file", names: ["tool-1.0-1.noarch"] },
  ]);
  expect(layered).toMatchObject({
    booted: true,
    "base-checksum": base.checksum,
    "base-version": "v1",
    "container-image-reference": "ostree-unverified-registry:registry.example/os:stable",
    "container-image-reference-digest": "sha256:1111",
  });
  expect(changeRows(localChanges(base))).toEqual([]);
  expect(incompatible).toEqual([true, false]);

  const own =
    "[origin]\ncontainer-image-reference=ostree-unverified-registry:registry.example/os:stable\n";
  expect(origins).toEqual([
    `${own}\n[packages]\nrequested-local=${"a".repeat(64)}:other-2.0-1.noarch;${"b".repeat(64)}:tool-1.0-1.noarch;\n`,
    own,
  ]);
  expect(refused).toEqual([
    [
      1,
      "error: 'rpm-ostree install htop' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it\n",
    ],
    [
      1,
      "error: 'rpm-ostree override' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it\n",
    ],
    [1, 'error: Can\'t open file "/nowhere/x.rpm" for reading: No such file or directory\n'],
    [1, "error: This system was not booted via libostree; cannot operate\n"],
    [0, ""],
  ]);
});
