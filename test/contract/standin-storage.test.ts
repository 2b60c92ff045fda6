/** An image in podman's storage, as the stand-in reads it through skopeo: layers are kept unpacked there, and named as they were packed. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function tell(given: {
  readonly transport: string;
  readonly stored?: string;
}): Promise<unknown> {
  const standin = here("../../images/reference/standin");
  const input = JSON.stringify({ standin, unpacked: "a tar", ...given });
  const run = await attemptCommand("python3", [here("support/standin_proxy.py")], { input });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout);
}

test("of podman's storage the unpacked layer is read, under the name that it has in the registry", async () => {
  expect(await tell({ transport: "containers-storage" })).toMatchObject({
    ...{ named: true, layer: "a tar", type: "tar", error: null },
    asked: expect.arrayContaining(["GetLayerInfo"]),
  });
});

test("a layer that is not what podman's storage says of it is refused", async () => {
  const told = await tell({ transport: "containers-storage", stored: "a rat" });
  expect(told).toMatchObject({
    error: expect.stringMatching(/^Corrupted blob, expecting sha256:/),
  });
});

test("of a registry the packed layer is read, and nobody asks for another", async () => {
  const told = await tell({ transport: "registry" });
  expect(told).toMatchObject({ named: true, layer: "packed", type: "tar+gzip", error: null });
  expect(told).not.toMatchObject({ asked: expect.arrayContaining(["GetLayerInfo"]) });
});
