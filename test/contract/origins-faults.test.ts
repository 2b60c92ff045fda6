// What a registry, the network and the host do wrong, each with the right blame and with nothing half-made left.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { OriginOptions } from "../../images/origins/open-oci.ts";
import { openOci } from "../../images/origins/open-oci.ts";
import { parseReference } from "../../images/origins/reference.ts";
import { type MadeImage, makeImage } from "./support/image-maker.ts";
import {
  type GuardedRegistry,
  type Meddle,
  openRegistryLab,
  quick,
  type RegistryLab,
  startGuardedRegistry,
} from "./support/registry-lab.ts";

let lab: RegistryLab;
let guarded: GuardedRegistry;
let made: MadeImage;
beforeAll(async () => {
  lab = await openRegistryLab();
  guarded = await startGuardedRegistry(lab.folder);
  made = await makeImage(join(lab.folder, "made"), { sizes: [300_000, 400_000] });
  await lab.push(made, "os:v1");
  await guarded.push(made, "os:v1");
});
afterAll(async () => {
  await guarded[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});
beforeEach(() => {
  lab.meddle = null;
  lab.progress.length = 0;
});

let count = 0;
const fresh = (): { cacheDir: string } => ({ cacheDir: join(lab.folder, `cache${count++}`) });
const open = (text: string, more: Partial<OriginOptions> = {}): Promise<unknown> =>
  openOci(
    { kind: "registry", reference: parseReference(text) },
    text,
    lab.options({ ...fresh(), ...more }),
  );

/** Class and words of the error; fails where there is none. */
async function errorOf(work: Promise<unknown>): Promise<{ name: string; text: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return { name: error.name, text: error.message };
  }
  throw new Error("There was no error.");
}

describe("where the registry cannot be had", () => {
  test.each([
    [
      "a name that nobody knows",
      "no-such-host.invalid/os:v1",
      "HostUnfit",
      /name 'no-such-host.invalid' of the registry cannot be resolved/,
    ],
    [
      "a port where nobody listens",
      "127.0.0.1:9/os:v1",
      "HostUnfit",
      /'127.0.0.1:9' does not accept connections/,
    ],
  ])("%s", async (_, text, name, words) => {
    const error = await errorOf(open(text));
    expect(error.name).toBe(name);
    expect(error.text).toMatch(words);
  });

  test("HTTP where TLS was expected", async () => {
    const error = await errorOf(open(`${lab.host}/os:v1`, { access: {} }));
    expect(error.name).toBe("UsageError");
    expect(error.text).toMatch(/speaks HTTP without TLS[\s\S]*--tls-verify false/);
  });
});

describe("TLS and a password", () => {
  const access = (authFile?: string): { access: NonNullable<OriginOptions["access"]> } => ({
    access: { certDir: guarded.certDir, ...(authFile === undefined ? {} : { authFile }) },
  });

  test("with the right ones the image comes, and the password is on no command line", async () => {
    // Whatever is started for it writes down its command line first.
    const bin = join(lab.folder, "bin");
    const log = join(lab.folder, "argv.log");
    await mkdir(bin);
    const script = `#!/bin/sh\nprintf '%s ' "$@" >> ${log}\nexec /usr/bin/setpriv "$@"\n`;
    await writeFile(join(bin, "setpriv"), script, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    try {
      const { facts } = (await open(`${guarded.host}/os:v1`, access(guarded.authFile))) as {
        facts: { digest: string };
      };
      expect(facts.digest).toBe(made.digest);
    } finally {
      process.env.PATH = path;
    }
    const argv = await readFile(log, "utf8");
    expect(argv).toMatch(/skopeo .*--src-authfile=/);
    const secret = Buffer.from("me:pw").toString("base64");
    expect(argv).not.toContain(secret);
    expect(argv).not.toMatch(/creds|password|me:pw/);
  });

  test.each<[string, () => Partial<OriginOptions>, RegExp]>([
    [
      "an authority that nobody trusts",
      () => ({ access: { authFile: guarded.authFile } }),
      /certificate of the registry .* is not trusted here[\s\S]*--cert-dir/,
    ],
    [
      "no credentials",
      () => access(join(lab.folder, "empty.json")),
      /credentials are missing or refused[\s\S]*--authfile/,
    ],
    [
      "wrong credentials",
      () => access(guarded.wrongAuthFile),
      /credentials are missing or refused/,
    ],
    [
      "a file of credentials that is not there",
      () => access("/nowhere/auth.json"),
      /file of credentials '\/nowhere\/auth.json' does not exist/,
    ],
    [
      "a file of credentials that is not one",
      () => access(join(guarded.certDir, "ca.crt")),
      /file with the credentials for registries cannot be used/,
    ],
    [
      "a folder of certificates that is not there",
      () => ({ access: { certDir: "/nowhere" } }),
      /folder of certificates '\/nowhere' does not exist/,
    ],
  ])("%s", async (_, more, words) => {
    await writeFile(join(lab.folder, "empty.json"), "{}");
    const error = await errorOf(open(`${guarded.host}/os:v1`, more()));
    expect(error.text).toMatch(words);
    expect(error.name).toBe("UsageError");
    expect(error.text).not.toContain("not-the-password");
  });

  test.each(["os:v2", "other:v1"])("'%s' that the registry does not have", async (name) => {
    const error = await errorOf(open(`${guarded.host}/${name}`, access(guarded.authFile)));
    expect(error.name).toBe("UsageError");
    expect(error.text).toMatch(/does not have[\s\S]*skopeo list-tags/);
  });
});

const layerPath = (): string => `/v2/os/blobs/${made.layers[1]?.digest}`;
const answer =
  (path: () => string, status: number, headers: Record<string, string> = {}): Meddle =>
  (request, response) => {
    if (request.url !== path()) return false;
    response.writeHead(status, headers).end("{}");
    return true;
  };

describe("a registry with trouble of its own", () => {
  test("5xx: tried again, then the host's trouble", async () => {
    lab.meddle = answer(() => "/v2/os/manifests/v1", 503);
    const error = await errorOf(lab.pull("os:v1", fresh()));
    expect(error).toMatchObject({ name: "HostUnfit" });
    expect(error.text).toMatch(/has trouble of its own/);
    expect(lab.progress.filter((line) => /Trying again/.test(line))).toHaveLength(2);
  });

  test("5xx once for a layer: the second try has it", async () => {
    let refused = 0;
    lab.meddle = (request, response) =>
      request.url === layerPath() && refused++ === 0
        ? answer(layerPath, 502)(request, response)
        : false;
    await expect(lab.pull("os:v1", fresh())).resolves.toHaveProperty("facts.digest", made.digest);
    expect(refused).toBeGreaterThan(1);
  });

  test("429 with Retry-After: waited for, and then it comes", async () => {
    let refused = 0;
    const path = "/v2/os/manifests/v1";
    lab.meddle = (request, response) =>
      request.url === path && refused++ === 0
        ? answer(() => path, 429, { "retry-after": "1" })(request, response)
        : false;
    const before = performance.now();
    await expect(lab.pull("os:v1", fresh())).resolves.toHaveProperty("facts.digest", made.digest);
    expect(performance.now() - before).toBeGreaterThan(900);
  });

  test("429 without end: the host's trouble, with what helps", async () => {
    lab.meddle = answer(() => "/v2/os/manifests/v1", 429, { "retry-after": "0" });
    const error = await errorOf(lab.pull("os:v1", fresh()));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/takes no more requests from here for now[\s\S]*skopeo login/);
  });

  test("a manifest that never comes", async () => {
    lab.meddle = (request) => request.url === "/v2/os/manifests/v1";
    const limits = { ...quick, documentMs: 500, pausesMs: [10] };
    const error = await errorOf(lab.pull("os:v1", { ...fresh(), limits }));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/did not send anything for 500 ms/);
  });

  test("a layer that stops in the middle", async () => {
    lab.meddle = (request, response) => {
      if (request.url !== layerPath()) return false;
      response.writeHead(200, { "content-length": String(made.layers[1]?.size) });
      response.write(Buffer.alloc(1000));
      return true;
    };
    const cache = fresh();
    const limits = { ...quick, stallMs: 1500, pausesMs: [] };
    const error = await errorOf(lab.pull("os:v1", { ...cache, limits }));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/did not send anything for 1\.5 s|did not send anything for 1500/);
    await nothingHalfMade(cache.cacheDir);
    // The other layer had come and is not fetched again.
    lab.meddle = null;
    lab.requests.length = 0;
    await lab.pull("os:v1", cache);
    expect(lab.requests.join("\n")).not.toContain(made.layers[0]?.digest);
  });

  test.each<[string, (size: number) => Buffer]>([
    ["corrupt", (size) => Buffer.alloc(size, 1)],
    ["truncated", (size) => Buffer.alloc(size - 1000, 1)],
  ])("a layer that is %s is never the image's fault, and is not kept", async (_, bytes) => {
    lab.meddle = (request, response) => {
      if (request.url !== layerPath()) return false;
      response.writeHead(200).end(bytes(made.layers[1]?.size ?? 0));
      return true;
    };
    const cache = fresh();
    const error = await errorOf(lab.pull("os:v1", cache));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/other bytes .* than their digest says/);
    await nothingHalfMade(cache.cacheDir);
    expect(
      existsSync(join(cache.cacheDir, "oci/blobs/sha256", made.layers[1]?.digest.slice(7) ?? "")),
    ).toBe(false);
  });

  test("a connection that is cut", async () => {
    lab.meddle = (request, response) => {
      if (request.url !== layerPath()) return false;
      response.writeHead(200, { "content-length": String(made.layers[1]?.size) });
      response.write(Buffer.alloc(1000), () => response.destroy());
      return true;
    };
    const error = await errorOf(lab.pull("os:v1", fresh()));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/The connection to the registry .* was lost/);
  });

  test("a manifest that is gone by its digest after its tag was read", async () => {
    lab.meddle = answer(() => `/v2/os/manifests/${made.digest}`, 404);
    const error = await errorOf(lab.pull("os:v1", fresh()));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/no longer has .* as it was a moment ago/);
  });
});

describe("what is not an image to boot is refused before its layers come", () => {
  test.each<[string, Parameters<typeof makeImage>[1], RegExp]>([
    [
      "another architecture",
      { architecture: "s390x" },
      /for the architecture 's390x'; bootgate boots amd64 and arm64/,
    ],
    [
      "a foreign layer",
      { form: "docker", layerType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" },
      /cannot be taken: its bytes are not at the registry/,
    ],
    [
      "an encrypted layer",
      { layerType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" },
      /cannot be taken: it is encrypted/,
    ],
    [
      "a layer of an unknown kind",
      { layerType: "application/x-squashfs" },
      /cannot be taken: nothing here can unpack it/,
    ],
  ])("%s", async (_, wish, words) => {
    const odd = await makeImage(join(lab.folder, `odd${count++}`), wish);
    await pushBlobs(odd, "odd");
    // The registry itself refuses some of these manifests.
    lab.meddle = (request, response) => {
      if (!request.url?.startsWith("/v2/odd/manifests/")) return false;
      response.writeHead(200, { "content-type": odd.mediaType }).end(odd.manifest);
      return true;
    };
    lab.requests.length = 0;
    const error = await errorOf(lab.pull("odd:v1", fresh()));
    expect(error.text).toMatch(words);
    expect(error.name).toBe("UsageError");
    for (const { digest } of odd.layers) expect(lab.requests.join("\n")).not.toContain(digest);
  });
});

async function pushBlobs(image: MadeImage, name: string): Promise<void> {
  const base = `http://127.0.0.1:${lab.port}/v2/${name}`;
  for (const digest of [image.config, ...image.layers.map((layer) => layer.digest)]) {
    const start = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
    const location = new URL(start.headers.get("location") ?? "", base);
    location.searchParams.set("digest", digest);
    const body = new Uint8Array(await readFile(join(image.folder, digest.slice(7))));
    await fetch(location, {
      method: "PUT",
      body,
      headers: { "content-type": "application/octet-stream" },
    });
  }
}

async function nothingHalfMade(cacheDir: string): Promise<void> {
  const root = join(cacheDir, "oci");
  for (const folder of ["images", "drafts", "claims"])
    expect(await readdir(join(root, folder))).toEqual([]);
}
