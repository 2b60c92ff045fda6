// The real registry and the real skopeo; images are a few random kilobytes.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createRegistryFixture } from "../../fixtures/registry.ts";
import { findRegistryProgram, startRegistry } from "../../fixtures/registry-process.ts";
import { smallImage } from "../../fixtures/small-image.ts";
import { HostUnfit, MachineFault, UsageError } from "../../harness/base/errors.ts";
import { freePort } from "../../harness/base/free-port.ts";
import { attemptCommand, runCommand, startProcess } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { Image } from "../../images/image.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";

const guests = { address: "10.0.2.100", port: 5000 };
const { signal } = new AbortController();
const sha = (bytes: Buffer | string): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** A layout with one tag a version; versions share their first layer. */
async function makeLayout(folder: string, tags: readonly string[]): Promise<Record<string, Image>> {
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  const put = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
    await writeFile(join(folder, "blobs/sha256", sha(bytes).slice(7)), bytes);
    return { digest: sha(bytes), size: bytes.length };
  };
  const shared = randomBytes(40_960);
  const manifests = [];
  for (const tag of tags) {
    const contents = [shared, randomBytes(10_240)];
    const layers = [];
    for (const content of contents) layers.push(await put(gzipSync(content)));
    const config = {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: contents.map(sha) },
    };
    const configBlob = await put(Buffer.from(JSON.stringify(config)));
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...configBlob },
      layers: layers.map((layer) => ({
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        ...layer,
      })),
    };
    const blob = await put(Buffer.from(JSON.stringify(manifest)));
    manifests.push({
      mediaType: manifest.mediaType,
      ...blob,
      annotations: { "org.opencontainers.image.ref.name": tag },
    });
  }
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  const images = await Promise.all(
    tags.map(async (tag): Promise<[string, Image]> => {
      const { digest, architecture } = await readOciImage(folder, tag);
      return [
        tag,
        {
          name: `test:${tag}`,
          digest,
          manifest: digest,
          architecture,
          disk: null,
          oci: { layout: folder, tag },
          follows: null,
          standIns: [],
        },
      ];
    }),
  );
  return Object.fromEntries(images);
}

async function twoImages(folder: string): Promise<{ v1: Image; v2: Image }> {
  const { v1, v2 } = await makeLayout(folder, ["v1", "v2"]);
  if (v1 === undefined || v2 === undefined) throw new Error("The layout has no v1 and v2.");
  return { v1, v2 };
}

const processStatus = async (pid: number): Promise<string> =>
  readFile(`/proc/${pid}/status`, "latin1").catch(() => "gone");

async function registriesBelow(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")),
  );
  return pids.filter((_, index) => lines[index]?.includes(`serve\0${folder}`));
}

test("a tag moves from v1 to v2, clients get exactly these digests, and two shelves know nothing of each other", async () => {
  await using folder = await createWorkspace("layout");
  const { v1, v2 } = await twoImages(folder.path);
  await using fixture = await createRegistryFixture({ signal });
  await using first = await fixture.open(guests);
  await using second = await fixture.open(guests);
  expect(await first.digestOf("os:stable")).toBeNull();
  const [reference] = await Promise.all([
    first.publish("os:stable", v1),
    second.publish("os:stable", v2),
  ]);
  expect(reference).toBe("10.0.2.100:5000/os:stable");
  expect(await first.digestOf("os:stable")).toBe(v1.digest);
  expect(await second.digestOf("os:stable")).toBe(v2.digest);
  await first.publish("os:stable", v2);
  await first.publish("other/os:next", v1);
  expect(await first.digestOf("os:stable")).toBe(v2.digest);
  expect(await first.digestOf("other/os:next")).toBe(v1.digest);
  expect(await second.digestOf("other/os:next")).toBeNull();

  expect(await first.pulledBytes()).toBe(0);
  const source = `docker://127.0.0.1:${first.hostPort}/os:stable`;
  const pulled = join(folder.path, "pulled");
  await runCommand("skopeo", [
    "--insecure-policy",
    "copy",
    "--src-tls-verify=false",
    "--preserve-digests",
    source,
    `oci:${pulled}:got`,
  ]);
  const got = await readOciImage(pulled, "got");
  expect(got.digest).toBe(v2.digest);
  const sizes = [got.config, ...got.layers].reduce((sum, { size }) => sum + size, 0);
  expect(await first.pulledBytes()).toBe(sizes);
  expect(await second.pulledBytes()).toBe(0);
});

test("publishing what the run already holds is quick", async () => {
  await using folder = await createWorkspace("layout");
  const { v1, v2 } = await twoImages(folder.path);
  await using fixture = await createRegistryFixture({ signal });
  await fixture.prepare([v1, v2, v1]);
  await using shelf = await fixture.open(guests);
  const start = performance.now();
  await shelf.publish("os:stable", v1);
  await shelf.publish("os:stable", v2);
  expect(performance.now() - start).toBeLessThan(2000);
});

test("an image that changed after it was resolved, one without OCI form, and a bad name are refused", async () => {
  await using folder = await createWorkspace("layout");
  const { v1 } = await twoImages(folder.path);
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  const other = { ...v1, digest: asDigest(`sha256:${"0".repeat(64)}`) };
  await expect(shelf.publish("os:stable", other)).rejects.toThrow(/changed after the run began/);
  await expect(shelf.publish("os:stable", { ...v1, oci: null })).rejects.toThrow(UsageError);
  await expect(shelf.publish("../../x:y", v1)).rejects.toThrow(/not a name in a registry/);
  await shelf.publish("os:stable", v1);
});

test("a registry that dies is noticed at once and told as the host's fault", async () => {
  await using folder = await createWorkspace("dying");
  await using registry = await startRegistry(folder.path, signal);
  process.kill(registry.pid, "SIGKILL");
  await expect(registry.died).rejects.toThrow(/The harness's registry died in mid-run/);
  await expect(registry.died).rejects.toBeInstanceOf(MachineFault);
});

test("a taken port is passed over", async () => {
  await using folder = await createWorkspace("ports");
  await using other = await createWorkspace("ports");
  await using holder = await startRegistry(other.path, signal);
  const offers = [holder.port, await freePort()];
  await using registry = await startRegistry(
    folder.path,
    signal,
    async () => offers.shift() ?? freePort(),
  );
  expect(registry.port).not.toBe(holder.port);
  expect(holder.isRunning()).toBe(true);
});

test("a registry that cannot start says why", async () => {
  await using folder = await createWorkspace("broken");
  await expect(startRegistry(folder.path, signal, async () => 70_000)).rejects.toThrow(
    /ended before it answered[\s\S]*70000/,
  );
});

test("a host without a registry is told the package", async () => {
  const refusal = findRegistryProgram(["/nowhere"]);
  await expect(refusal).rejects.toBeInstanceOf(HostUnfit);
  await expect(refusal).rejects.toThrow(/docker-registry[\s\S]*docker-distribution/);
});

test("kill -9 of the owner leaves no registry", async () => {
  await using folder = await createWorkspace("owner");
  const module = new URL("../../fixtures/registry-process.ts", import.meta.url).href;
  const ready = join(folder.path, "ready");
  const program = join(folder.path, "owner.mts");
  await writeFile(
    program,
    `import { writeFileSync } from "node:fs"; const { startRegistry } = await import(${JSON.stringify(module)});
     const registry = await startRegistry(${JSON.stringify(folder.path)}, new AbortController().signal);
     writeFileSync(${JSON.stringify(ready)}, String(process.pid)); setInterval(() => registry.pid, 1000);`,
  );
  const tsx = new URL("../../node_modules/tsx/dist/cli.mjs", import.meta.url).pathname;
  await using owner = startProcess(process.execPath, [tsx, program]);
  const pid = await waitFor({
    what: "the owner",
    probe: async () => Number(await readFile(ready, "utf8")) || undefined,
    timeoutMs: 20_000,
    signal,
  });
  expect(await registriesBelow(folder.path)).toHaveLength(1);
  process.kill(pid, "SIGKILL");
  await waitFor({
    what: "the registry to go",
    probe: async () => ((await registriesBelow(folder.path)).length === 0 ? true : undefined),
    timeoutMs: 5000,
    signal,
  });
  expect(await processStatus(pid)).not.toMatch(/State:\s+[RS]/);
  expect(owner.pid).toBeGreaterThan(0);
});

test("a small image that no layout holds is taken and has its digest", async () => {
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  expect(await shelf.publishSmall("app:1", "an application\n")).toBe("10.0.2.100:5000/app:1");
  const one = await shelf.digestOf("app:1");
  await shelf.publishSmall("app:2", "another\n");
  expect([one, await shelf.digestOf("app:2")]).toEqual([
    smallImage("an application\n").digest,
    smallImage("another\n").digest,
  ]);
});

const copyWords = ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"];
const forAmd64 = ["--override-arch=amd64", "--override-os=linux"];

test("who asks for an index gets the image of its architecture, or is told that there is none", async () => {
  await using folder = await createWorkspace("layout");
  const { v1, v2 } = await twoImages(folder.path);
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  const copied = join(folder.path, "copied");
  const source = `docker://127.0.0.1:${shelf.hostPort}/os:stable`;
  const pull = () => attemptCommand("skopeo", [...copyWords, ...forAmd64, source, `dir:${copied}`]);
  const foreign = { architecture: "s390x", image: v1 };
  await shelf.publishIndex("os:stable", [foreign]);
  expect(await pull()).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/no image found in .* for architecture amd64/),
  });
  await shelf.publishIndex("os:stable", [foreign, { architecture: "amd64", image: v2 }]);
  expect((await pull()).exitCode).toBe(0);
  expect(sha(await readFile(join(copied, "manifest.json")))).toBe(v2.digest);
});

test("a name that is removed is gone with its image and the other tags of it, and can be published again", async () => {
  await using folder = await createWorkspace("layout");
  const { v1, v2 } = await twoImages(folder.path);
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  await shelf.publish("os:old", v1);
  for (const name of ["os:stable", "os:build-2"]) await shelf.publish(name, v2);
  await shelf.remove("os:stable");
  await shelf.remove("os:never-there");
  const names = ["os:stable", "os:build-2", "os:old"];
  expect(await Promise.all(names.map((name) => shelf.digestOf(name)))).toEqual([
    null,
    null,
    v1.digest,
  ]);
  const byDigest = `docker://127.0.0.1:${shelf.hostPort}/os@${v2.digest}`;
  const target = `dir:${join(folder.path, "copied")}`;
  const gone = await attemptCommand("skopeo", [...copyWords, byDigest, target]);
  expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/manifest unknown/) });
  await shelf.publish("os:stable", v2);
  expect((await attemptCommand("skopeo", [...copyWords, byDigest, target])).exitCode).toBe(0);
});
