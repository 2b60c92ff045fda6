// The stand-in's pull over a bad network: the real registry, the real skopeo as its image proxy, and a proxy that spoils what comes.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openFaultyRegistry } from "../../fixtures/faulty-registry.ts";
import { createRegistryFixture } from "../../fixtures/registry.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { NetworkFault } from "../../harness/engine/scenario.ts";
import {
  type Architecture,
  hostArchitecture,
  type Image,
  ociArchitecture,
} from "../../images/image.ts";
import { makeLayout } from "./support/oci-layout.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { signal } = new AbortController();
const guests = { address: "10.0.2.100", port: 5000 };
const text = "a line of the layer\n".repeat(6000);

const ends: readonly [NetworkFault, RegExp][] = [
  [{ kind: "down" }, /failed to invoke method OpenImage: pinging container registry/],
  [{ kind: "status", status: 401, of: "everything" }, /unauthorized|authentication required/],
  [{ kind: "status", status: 404, of: "manifests" }, /manifest unknown/],
  [{ kind: "half-manifest" }, /Preparing import: Fetching manifest: .*unexpected end of JSON/],
  [{ kind: "status", status: 500, of: "layers" }, /failed to invoke method GetBlob: .*500/],
  [{ kind: "cut", at: 0.1 }, /failed to invoke method FinishPipe: .*unexpected EOF/],
  [{ kind: "cut", at: 0.99 }, /failed to invoke method FinishPipe: .*unexpected EOF/],
  [{ kind: "wrong-byte" }, /failed to invoke method FinishPipe: corrupted blob/],
];

interface Pulled {
  readonly error: string | null;
  readonly digest: string | null;
  readonly bytes: number;
}

/** Pulls from the registry at a port of this host as the stand-in does, with settings of its own in a home of its own. */
async function pullerIn(
  home: string,
  hostPort: number,
): Promise<(name: string) => Promise<Pulled>> {
  const host = `127.0.0.1:${hostPort}`;
  const config = join(home, ".config/containers");
  await mkdir(config, { recursive: true });
  const insecure = `[[registry]]\nlocation = "${host}"\ninsecure = true\n`;
  await writeFile(join(config, "registries.conf"), insecure);
  await writeFile(join(config, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
  return async (name) => {
    const reference = `${host}/${name}`;
    const input = JSON.stringify({ standin: here("../../images/reference/standin"), reference });
    const ran = await attemptCommand("python3", [here("support/standin_network.py")], {
      ...{ input, env: { HOME: home }, timeoutMs: 20_000 },
    });
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
    return JSON.parse(ran.stdout) as Pulled;
  };
}

test("each fault ends the pull with words, and the next pull is whole", {
  timeout: 120_000,
}, async () => {
  await using workspace = await createWorkspace("faults");
  await using fixture = await createRegistryFixture({ signal });
  await using opened = await openFaultyRegistry(fixture, guests);
  const { handle, hostPort } = opened;
  await handle.publishSmall("os:stable", text);
  const pull = await pullerIn(workspace.path, hostPort);
  for (const [fault, words] of ends) {
    handle.breakBy(fault);
    expect((await pull("os:stable")).error, JSON.stringify(fault)).toMatch(words);
    handle.mend();
    const { error, bytes } = await pull("os:stable");
    expect(error).toBeNull();
    expect(bytes).toBeGreaterThan(text.length);
  }
});

test("of an index it takes the image of its architecture and tells that one's digest, or says that there is none", async () => {
  await using workspace = await createWorkspace("index");
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  const own = await imageIn(join(workspace.path, "own"), hostArchitecture());
  const other = await imageIn(join(workspace.path, "other"), "aarch64", "another layer");
  const foreign = { architecture: "s390x", image: other };
  const pull = await pullerIn(workspace.path, shelf.hostPort);
  await shelf.publishIndex("os:stable", [foreign]);
  expect((await pull("os:stable")).error).toMatch(
    /Fetching manifest: failed to invoke method GetManifest: .*no image found in .* for architecture/,
  );
  const architecture = ociArchitecture[own.architecture];
  await shelf.publishIndex("os:stable", [foreign, { architecture, image: own }]);
  expect(await pull("os:stable")).toMatchObject({ error: null, digest: own.digest });
  expect(await pull(`os@${other.digest}`)).toMatchObject({ error: null, digest: other.digest });
});

async function imageIn(folder: string, architecture: Architecture, layer?: string): Promise<Image> {
  const { layout, digest } = await makeLayout(folder, ociArchitecture[architecture], layer);
  const named = { name: folder, digest: asDigest(digest), manifest: asDigest(digest) };
  const oci = { layout, tag: "v1" };
  return { ...named, architecture, disk: null, oci, follows: null, standIns: [] };
}
