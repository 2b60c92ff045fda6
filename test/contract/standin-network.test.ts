// The stand-in's pull over a bad network: the real registry, the real skopeo as its image proxy, and a proxy that spoils what comes.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openFaultyRegistry } from "../../fixtures/faulty-registry.ts";
import { createRegistryFixture } from "../../fixtures/registry.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { NetworkFault } from "../../harness/engine/scenario.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { signal } = new AbortController();
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

test("each fault ends the pull with words, and the next pull is whole", {
  timeout: 120_000,
}, async () => {
  await using workspace = await createWorkspace("faults");
  await using fixture = await createRegistryFixture({ signal });
  await using opened = await openFaultyRegistry(fixture, { address: "10.0.2.100", port: 5000 });
  const { handle, hostPort } = opened;
  await handle.publishSmall("os:stable", text);
  const host = `127.0.0.1:${hostPort}`;
  const config = join(workspace.path, ".config/containers");
  await mkdir(config, { recursive: true });
  const insecure = `[[registry]]\nlocation = "${host}"\ninsecure = true\n`;
  await writeFile(join(config, "registries.conf"), insecure);
  await writeFile(join(config, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
  const pull = async (): Promise<{ readonly error: string | null; readonly bytes: number }> => {
    const reference = `${host}/os:stable`;
    const input = JSON.stringify({ standin: here("../../images/reference/standin"), reference });
    const env = { HOME: workspace.path };
    const ran = await attemptCommand("python3", [here("support/standin_network.py")], {
      ...{ input, env, timeoutMs: 20_000 },
    });
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
    return JSON.parse(ran.stdout) as { error: string | null; bytes: number };
  };
  for (const [fault, words] of ends) {
    handle.breakBy(fault);
    expect((await pull()).error, JSON.stringify(fault)).toMatch(words);
    handle.mend();
    const { error, bytes } = await pull();
    expect(error).toBeNull();
    expect(bytes).toBeGreaterThan(text.length);
  }
});
