// The proxy before the real registry, asked by the real skopeo of this host: what each fault does to who pulls, and to nothing else.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { damageOf, sendDamaged } from "../../fixtures/fault-damage.ts";
import { type OpenFaultyRegistry, openFaultyRegistry } from "../../fixtures/faulty-registry.ts";
import { createRegistryFixture } from "../../fixtures/registry.ts";
import { MachineFault } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { NetworkFault } from "../../harness/engine/scenario.ts";

const guests = { address: "10.0.2.100", port: 5000 };
const { signal } = new AbortController();
const text = "a line of the layer\n".repeat(6000);

interface Scene extends AsyncDisposable {
  readonly opened: OpenFaultyRegistry;
  /** skopeo's exit code, its last words and how long it took. */
  pull(): Promise<{ exitCode: number | null; said: string; seconds: number }>;
  pulled(): Promise<string>;
}

async function openScene(): Promise<Scene> {
  const workspace = await createWorkspace("faults");
  const fixture = await createRegistryFixture({ signal });
  const opened = await openFaultyRegistry(fixture, guests);
  await opened.handle.publishSmall("os:stable", text);
  const folder = join(workspace.path, "out");
  return {
    opened,
    async pull() {
      const began = performance.now();
      const words = ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"];
      const from = `docker://127.0.0.1:${opened.hostPort}/os:stable`;
      const ended = await attemptCommand("skopeo", [...words, from, `dir:${folder}`], {
        timeoutMs: 60_000,
      });
      const seconds = (performance.now() - began) / 1000;
      return { exitCode: ended.exitCode, said: ended.stderr.trim(), seconds };
    },
    async pulled() {
      const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as {
        readonly layers: readonly { readonly digest: string }[];
      };
      const digest = manifest.layers[0]?.digest.slice("sha256:".length) ?? "";
      return await readFile(join(folder, digest), "latin1");
    },
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

const ends: readonly [NetworkFault, RegExp][] = [
  [{ kind: "down" }, /connection reset by peer|EOF/],
  [{ kind: "status", status: 401, of: "everything" }, /unauthorized|authentication required/],
  [{ kind: "status", status: 404, of: "manifests" }, /manifest unknown/],
  [{ kind: "status", status: 429, of: "manifests" }, /too ?many ?requests/],
  [{ kind: "status", status: 500, of: "manifests" }, /an error of its own|500/],
  [{ kind: "half-manifest" }, /unexpected end of JSON input/],
  [{ kind: "status", status: 500, of: "layers" }, /500/],
  [{ kind: "cut", at: 0.1 }, /unexpected EOF/],
  [{ kind: "cut", at: 0.99 }, /unexpected EOF/],
  [{ kind: "wrong-byte" }, /Digest did not match/],
];

describe("who pulls is told, and is well served once it is mended", () => {
  test.each(ends)("%j", async (fault, words) => {
    await using scene = await openScene();
    const { handle } = scene.opened;
    expect((await scene.pull()).exitCode).toBe(0);
    handle.breakBy(fault);
    const broken = await scene.pull();
    expect(broken).toMatchObject({ exitCode: 1, said: expect.stringMatching(words) });
    expect(handle.met()).toBeGreaterThan(0);
    const isOfLayers = /"(?:cut|wrong-byte|layers)"/.test(JSON.stringify(fault));
    expect(handle.spoiled()).toHaveLength(isOfLayers ? 1 : 0);
    handle.mend();
    expect((await scene.pull()).exitCode).toBe(0);
    expect(await scene.pulled()).toContain(text);
    expect(handle.spoiled()).toEqual([]);
  });
});

test("what comes slowly comes whole, and only its beginning is slow", async () => {
  await using scene = await openScene();
  scene.opened.handle.breakBy({ kind: "slow", bytesPerSecond: 10_000, bytes: 20_000 });
  const { exitCode, seconds } = await scene.pull();
  expect(exitCode).toBe(0);
  expect(seconds).toBeGreaterThan(1.9);
  expect(seconds).toBeLessThan(text.length / 10_000);
  expect(await scene.pulled()).toContain(text);
});

test("a fault that passes is met as often as it was told", async () => {
  await using scene = await openScene();
  const { handle } = scene.opened;
  handle.breakBy({ kind: "status", status: 429, of: "manifests", times: 2 });
  const { exitCode, seconds } = await scene.pull();
  // containers/image tries it again after what Retry-After says.
  expect(exitCode).toBe(0);
  expect(seconds).toBeGreaterThan(2);
  expect(handle.met()).toBe(2);
});

test("who asks for the rest of a layer that was cut off gets it, from there on", async () => {
  await using scene = await openScene();
  const { handle } = scene.opened;
  await scene.pull();
  const [digest = ""] = await layerOf(scene);
  const url = `http://127.0.0.1:${scene.opened.hostPort}/v2/os/blobs/${digest}`;
  const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
  handle.breakBy({ kind: "cut", at: 0.5, times: 1 });
  await expect((async () => (await fetch(url)).arrayBuffer())()).rejects.toThrow();
  expect(handle.spoiled()).toEqual([digest]);
  const half = Math.floor(whole.length / 2);
  const rest = await fetch(url, { headers: { range: `bytes=${half}-` } });
  expect(rest.status).toBe(206);
  expect(Buffer.from(await rest.arrayBuffer())).toEqual(whole.subarray(half));
  expect(handle.spoiled()).toEqual([]);
});

test("who hangs up has not taken the whole", async () => {
  const layer = Object.assign(Readable.from([Buffer.alloc(50_000), Buffer.alloc(50_000)]), {
    headers: { "content-length": "100000" },
  }) as unknown as IncomingMessage;
  const slowly = damageOf({ kind: "slow", bytesPerSecond: 50_000, bytes: 50_000 });
  const sent: Promise<boolean>[] = [];
  const server = createServer((_, response) => {
    response.writeHead(200, layer.headers);
    sent.push(sendDamaged(layer, response, slowly, signal));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const client = new AbortController();
  await fetch(`http://127.0.0.1:${port}/`, { signal: client.signal });
  client.abort();
  expect(await Promise.all(sent)).toEqual([false]);
  server.closeAllConnections();
  await once(server.close(), "close");
});

test("a layer that is cut off ends for a guest, too, to whom nc passes it", async () => {
  await using scene = await openScene();
  const { handle, hostPort } = scene.opened;
  const [digest = ""] = await layerOf(scene);
  handle.breakBy({ kind: "cut", at: 0.5 });
  // As QEMU starts it for each connection of a guest (machine/qemu): the guest sends no end of its own.
  const child = spawn("nc", ["-N", "127.0.0.1", String(hostPort)], { stdio: "pipe" });
  let bytes = 0;
  child.stdout.on("data", (part: Buffer) => {
    bytes += part.length;
  });
  const ended = once(child, "close");
  const timer = setTimeout(() => child.kill(), 20_000);
  child.stdin.write(`GET /v2/os/blobs/${digest} HTTP/1.1\r\nHost: registry\r\n\r\n`);
  expect(await ended).toEqual([0, null]);
  clearTimeout(timer);
  expect(bytes).toBeGreaterThan(text.length / 2);
  expect(bytes).toBeLessThan(text.length * 0.55);
});

async function layerOf({ opened }: Scene): Promise<string[]> {
  const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
  const url = `http://127.0.0.1:${opened.hostPort}/v2/os/manifests/stable`;
  const manifest = (await (await fetch(url, { headers })).json()) as {
    readonly layers: readonly { readonly digest: string }[];
  };
  return manifest.layers.map(({ digest }) => digest);
}

test("a proxy that dies is the harness's fault, and so is the registry behind it", async () => {
  await using scene = await openScene();
  scene.opened.fail(new Error("nothing works"));
  const death = await scene.opened.died.catch((error: unknown) => error);
  expect(death).toBeInstanceOf(MachineFault);
  expect(String(death)).toMatch(/The proxy before the harness's registry died in mid-run/);
});
