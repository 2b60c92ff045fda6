// What a registry and the host do wrong while an image comes, each with the right blame and with nothing half-made left.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type MadeImage, makeImage } from "../contract/support/image-maker.ts";
import {
  errorOf,
  type Meddle,
  openRegistryLab,
  quick,
  type RegistryLab,
} from "../contract/support/registry-lab.ts";

let lab: RegistryLab;
let made: MadeImage;
beforeAll(async () => {
  lab = await openRegistryLab();
  made = await makeImage(join(lab.folder, "made"), { sizes: [300_000, 400_000] });
  await lab.push(made, "os:v1");
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(() => {
  lab.meddle = null;
  lab.progress.length = 0;
});

let count = 0;
const fresh = (): { cacheDir: string } => ({ cacheDir: join(lab.folder, `cache${count++}`) });

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

  test("a page of a proxy in the registry's place is never the caller's mistake", async () => {
    lab.meddle = (request, response) => {
      if (request.url !== "/v2/os/manifests/v1") return false;
      response
        .writeHead(200, { "content-type": "text/html" })
        .end("<!DOCTYPE html>\n<html><body>Please log in</body></html>");
      return true;
    };
    const error = await errorOf(lab.pull("os:v1", fresh()));
    expect(error).toMatchObject({ name: "HostUnfit" });
    expect(error.text).toMatch(/DOCTYPE html[\s\S]*proxy or a login page/);
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

  test("429 that asks to wait for longer than a silence may last is not taken for a silence", async () => {
    const refused = new Set<string>();
    lab.meddle = (request, response) => {
      const path = request.url ?? "";
      if (!["/v2/os/manifests/v1", layerPath()].includes(path) || refused.has(path)) return false;
      refused.add(path);
      return answer(() => path, 429, { "retry-after": "6" })(request, response);
    };
    const limits = { documentMs: 5000, stallMs: 5000, pausesMs: [] };
    const pulled = lab.pull("os:v1", { ...fresh(), limits });
    await expect(pulled).resolves.toHaveProperty("facts.digest", made.digest);
    expect(lab.progress.filter((line) => /no more requests .* in 6\.0 s/.test(line))).toHaveLength(
      2,
    );
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
    const limits = { ...quick, stallMs: 5000, pausesMs: [] };
    const error = await errorOf(lab.pull("os:v1", { ...cache, limits }));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/did not send anything for 5\.0 s/);
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
      /cannot be taken: its bytes are not kept with the image/,
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

describe("a cache without room", () => {
  test("for an image that says how large it is: nothing is fetched", async () => {
    const layers = made.layers.map(({ digest }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest,
      size: 2 ** 50,
    }));
    const document = JSON.parse(made.manifest.toString()) as Record<string, unknown>;
    const bytes = JSON.stringify({ ...document, layers });
    lab.meddle = (request, response) => {
      if (!request.url?.startsWith("/v2/os/manifests/")) return false;
      response.writeHead(200, { "content-type": made.mediaType }).end(bytes);
      return true;
    };
    lab.requests.length = 0;
    const error = await errorOf(lab.pull("os:v1", fresh()));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/not enough space in the cache[\s\S]*needed +2048\.0 TiB/);
    expect(lab.requests.join("\n")).not.toContain(made.layers[0]?.digest);
  });

  test("where skopeo fills the disk: the host's trouble, and nothing half-made", async () => {
    // Its words on a full tmpfs.
    const bin = join(lab.folder, "limited");
    await mkdir(bin);
    const script = `#!/bin/sh
case "$*" in
  *" copy "*) echo 'time="x" level=fatal msg="writing blob: write /x: no space left on device"' >&2; exit 1 ;;
  *) exec /usr/bin/skopeo "$@" ;;
esac
`;
    await writeFile(join(bin, "skopeo"), script, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    const cache = fresh();
    try {
      const error = await errorOf(lab.pull("os:v1", cache));
      expect(error.name).toBe("HostUnfit");
      expect(error.text).toMatch(/not enough space in the cache[\s\S]*images prune/);
    } finally {
      process.env.PATH = path;
    }
    await nothingHalfMade(cache.cacheDir);
  });

  test("a cache that cannot be written", async () => {
    const error = await errorOf(lab.pull("os:v1", { cacheDir: "/proc/cache" }));
    expect(error.name).toBe("HostUnfit");
    expect(error.text).toMatch(/'\/proc\/cache\/oci' cannot be written to/);
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
