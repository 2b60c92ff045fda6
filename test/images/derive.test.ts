// Derived images on disk, and what real readers make of them: tar, skopeo and the registry.
import {
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { startRegistry } from "../../fixtures/registry-process.ts";
import { UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { withDerivedImages } from "../../harness/cli/wiring/derived-images.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { derivedKinds, deriveImage } from "../../images/derive/derive.ts";
import type { Image } from "../../images/image.ts";
import { blobPath, readOciImage } from "../../images/origins/oci-layout.ts";
import { layoutOf, makeCandidate, sha } from "../contract/support/candidate.ts";
import { lyingIn } from "../contract/support/lying-in.ts";

const { signal } = new AbortController();
test("a derived image shares its candidate's blobs, is made once, and says what it is", async () => {
  await using folder = await createWorkspace("derive");
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const cacheDir = join(folder.path, "cache");
  const derive = (): Promise<Image> => deriveImage(candidate, "previous", { cacheDir, signal });
  const [image, same] = await Promise.all([derive(), derive()]);
  expect(same).toEqual(image);
  expect(image).toMatchObject({
    name: "quay.io/you/os:pr-123 (derived: previous)",
    manifest: image.digest,
    disk: null,
    oci: { tag: "previous" },
    follows: "10.0.2.100:5000/os:stable",
    standIns: ["bootc"],
    derivedFrom: candidate.digest,
  });
  expect(image.notes?.join()).toMatch(
    /^It stands for .* No image was named for the role 'previous'/,
  );
  const facts = await readOciImage(layoutOf(image), "previous");
  const from = await readOciImage(layoutOf(candidate), "v1");
  expect(facts.digest).toBe(image.digest);
  expect(facts.layers.slice(0, 2)).toEqual(from.layers);
  for (const { digest } of from.layers) {
    const [mine, theirs] = await Promise.all([
      stat(blobPath(layoutOf(image), digest)),
      stat(blobPath(layoutOf(candidate), digest)),
    ]);
    expect(mine.ino).toBe(theirs.ino);
  }
  const made = await stat(layoutOf(image));
  await derive();
  expect((await stat(layoutOf(image))).ino).toBe(made.ino);
  // Nothing but the finished folder and what was seen of the candidate's kernel stays.
  expect(await lyingIn(join(cacheDir, "derived"))).toHaveLength(2);
});

test("a derived image that lost a blob is made again", async () => {
  await using folder = await createWorkspace("derive");
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const options = { cacheDir: join(folder.path, "cache"), signal };
  const { digest, ...image } = await deriveImage(candidate, "next", options);
  const [first] = (await readOciImage(layoutOf({ digest, ...image }), "next")).layers;
  if (first === undefined) throw new Error("The image has no layer.");
  await rm(blobPath(layoutOf({ digest, ...image }), first.digest));
  const again = await deriveImage(candidate, "next", options);
  expect(again.digest).toBe(digest);
  await readOciImage(layoutOf(again), "next");
});

test("a derived image takes none of the store's room: its layers are links, also to another file system", async () => {
  await using folder = await createWorkspace("derive");
  const other = join("/dev/shm", `bootgate-test-${process.pid}`);
  try {
    const candidate = await makeCandidate(join(other, "oci"));
    const cacheDir = join(folder.path, "cache");
    const image = await deriveImage(candidate, "previous", { cacheDir, signal });
    const [first] = (await readOciImage(layoutOf(image), "previous")).layers;
    if (first === undefined) throw new Error("The image has no layer.");
    expect(await readlink(blobPath(layoutOf(image), first.digest))).toBe(
      blobPath(layoutOf(candidate), first.digest),
    );
    expect((await stat(blobPath(layoutOf(candidate), first.digest))).nlink).toBe(1);
    // The same candidate somewhere else lives as long as that place does, so it has a derived image of its own.
    const elsewhere = join(folder.path, "oci");
    await cp(join(other, "oci"), elsewhere, { recursive: true });
    const moved = { ...candidate, oci: { layout: elsewhere, tag: "v1" } };
    const own = await deriveImage(moved, "previous", { cacheDir, signal });
    expect(own.digest).toBe(image.digest);
    await rm(other, { recursive: true, force: true });
    await readOciImage(layoutOf(own), "previous");
    await expect(readOciImage(layoutOf(image), "previous")).rejects.toThrow(/is missing/);
  } finally {
    await rm(other, { recursive: true, force: true });
  }
});

test("a candidate whose blobs are relative links is followed to the files", async () => {
  await using folder = await createWorkspace("derive");
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const linked = join(folder.path, "linked");
  await mkdir(join(linked, "blobs/sha256"), { recursive: true });
  for (const name of await readdir(join(folder.path, "oci/blobs/sha256")))
    await symlink(`../../../oci/blobs/sha256/${name}`, join(linked, "blobs/sha256", name));
  for (const name of ["oci-layout", "index.json"])
    await writeFile(join(linked, name), await readFile(join(folder.path, "oci", name)));
  const cacheDir = join(folder.path, "deep", "er", "cache");
  const image = await deriveImage({ ...candidate, oci: { layout: linked, tag: "v1" } }, "broken", {
    cacheDir,
    signal,
  });
  await readOciImage(layoutOf(image), "broken");
});

test("a candidate that is a disk, that changed or that lost a layer is refused, and nothing is left", async () => {
  await using folder = await createWorkspace("derive");
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const cacheDir = join(folder.path, "cache");
  const derive = (image: Image): Promise<Image> => deriveImage(image, "next", { cacheDir, signal });
  await expect(derive({ ...candidate, oci: null })).rejects.toThrow(/is only a disk/);
  const other = asDigest(`sha256:${"0".repeat(64)}`);
  await expect(derive({ ...candidate, manifest: other })).rejects.toThrow(/changed after/);
  const [first] = (await readOciImage(layoutOf(candidate), "v1")).layers;
  if (first === undefined) throw new Error("The image has no layer.");
  await rm(blobPath(layoutOf(candidate), first.digest));
  await expect(derive(candidate)).rejects.toThrow(/layer .* is missing/);
  await expect(derive(candidate)).rejects.toBeInstanceOf(UsageError);
  expect(await readdir(cacheDir).catch(() => [])).toEqual([]);
});

test("tar finds the files, owners, modes and times that the layer is meant to have", async () => {
  await using folder = await createWorkspace("derive");
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const cacheDir = join(folder.path, "cache");
  const image = await deriveImage(candidate, "broken", { cacheDir, signal });
  const layer = (await readOciImage(layoutOf(image), "broken")).layers.at(-1);
  if (layer === undefined) throw new Error("The image has no layer.");
  const path = join(folder.path, "layer.tar");
  await writeFile(path, gunzipSync(await readFile(blobPath(layoutOf(image), layer.digest))));
  const args = ["--list", "--verbose", "--numeric-owner", "--utc", `--file=${path}`];
  const { stdout } = await runCommand("tar", args, { env: { LC_ALL: "C" } });
  const unit = "bootgate-derived-broken.service";
  expect(
    stdout
      .replaceAll(/ +/g, " ")
      .replaceAll(/ \d+ 1970/g, " N 1970")
      .split("\n"),
  ).toEqual([
    "drwxr-xr-x 0/0 N 1970-01-01 00:00 usr/",
    "drwxr-xr-x 0/0 N 1970-01-01 00:00 usr/lib/",
    "drwxr-xr-x 0/0 N 1970-01-01 00:00 usr/lib/bootgate/",
    "-rw-r--r-- 0/0 N 1970-01-01 00:00 usr/lib/bootgate/derived.json",
    "drwxr-xr-x 0/0 N 1970-01-01 00:00 usr/lib/systemd/",
    "drwxr-xr-x 0/0 N 1970-01-01 00:00 usr/lib/systemd/system/",
    `-rw-r--r-- 0/0 N 1970-01-01 00:00 usr/lib/systemd/system/${unit}`,
    "drwxr-xr-x 0/0 N 1970-01-01 00:00 usr/lib/systemd/system/multi-user.target.wants/",
    `lrwxrwxrwx 0/0 N 1970-01-01 00:00 usr/lib/systemd/system/multi-user.target.wants/${unit} -> ../${unit}`,
  ]);
});

test.each(["oci", "docker"] as const)(
  "skopeo reads a derived %s image, copies it as it is, and sends a registry the new layer only",
  async (family) => {
    await using folder = await createWorkspace("derive");
    const candidate = await makeCandidate(join(folder.path, "oci"), family);
    const cacheDir = join(folder.path, "cache");
    const image = await deriveImage(candidate, "previous", { cacheDir, signal });
    expect(image.oci?.hasDockerManifest ?? false).toBe(family === "docker");
    const source = await sourceOf(image, folder.path, family);
    const { stdout } = await runCommand("skopeo", ["inspect", source]);
    expect(JSON.parse(stdout)).toMatchObject({
      Digest: image.digest,
      Created: "2026-02-28T10:00:00Z",
      Labels: { "containers.bootc": "1", "org.opencontainers.image.version": "previous" },
    });
    const copy = ["--insecure-policy", "copy", "--preserve-digests"];
    // Copying to a folder has every blob hashed, and the layers' diff_ids compared with the configuration's.
    await runCommand("skopeo", [...copy, source, `dir:${join(folder.path, "dir")}`]);
    const manifest = await readFile(join(folder.path, "dir", "manifest.json"));
    expect(sha(manifest)).toBe(image.digest);
    await using registry = await startRegistry(folder.path, signal);
    const push = async (from: string, tag: string): Promise<void> => {
      const target = `docker://127.0.0.1:${registry.port}/os:${tag}`;
      const words = [...copy, "--dest-tls-verify=false", "--dest-no-creds", from, target];
      await runCommand("skopeo", words);
    };
    await push(await sourceOf(candidate, folder.path, family), "candidate");
    const before = await stored(folder.path);
    await push(source, "previous");
    // The candidate's two layers and configuration, then one layer and one configuration.
    expect(await uploads(registry.metricsPort)).toBe(3 + 2);
    const added = (await stored(folder.path)).filter((name) => !before.includes(name));
    const { config, layers, digest } = await readOciImage(layoutOf(image), "previous");
    expect(added.sort()).toEqual(
      [config.digest, digest, layers.at(-1)?.digest ?? ""].map((one) => one.slice(7)).sort(),
    );
  },
);

/** What skopeo calls the image. Its `oci:` takes no Docker manifests, its `dir:` (manifest.json beside the blobs) does. */
async function sourceOf(image: Image, folder: string, family: string): Promise<string> {
  const layout = layoutOf(image);
  const tag = image.oci?.tag ?? "";
  if (family === "oci") return `oci:${layout}:${tag}`;
  const target = join(folder, `dir-${tag}`);
  const { config, layers, manifest } = await readOciImage(layout, tag);
  await mkdir(target);
  for (const { digest } of [config, ...layers])
    await copyFile(blobPath(layout, digest), join(target, digest.slice(7)));
  await writeFile(join(target, "manifest.json"), manifest);
  await writeFile(join(target, "version"), "Directory Transport Version: 1.1\n");
  return `dir:${target}`;
}

/** How many blobs were sent to a registry so far, by its own count. */
async function uploads(metricsPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const line =
    /^registry_http_requests_total\{code="201",handler="blob_upload_chunk",method="put"\} (\d+)$/m;
  return Number(line.exec(text)?.[1]);
}

/** Hex digests of all blobs in a registry's storage. */
async function stored(folder: string): Promise<string[]> {
  const root = join(folder, "storage/docker/registry/v2/blobs/sha256");
  const names = await readdir(root, { recursive: true });
  return names.flatMap((name) => /\/([0-9a-f]{64})$/.exec(name)?.slice(1) ?? []);
}

test("only roles that the chosen stories need and that nobody named are derived", async () => {
  await using folder = await createWorkspace("derive");
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const scenarios = await discoverScenarios();
  const said: string[] = [];
  const options = {
    cacheDir: join(folder.path, "cache"),
    say: (l: string) => said.push(l),
    signal,
  };
  const upgrade = scenarios.filter(({ id }) => id === "bootc/upgrade-rollback");
  const images = await withDerivedImages({ scenarios: upgrade, images: { candidate }, ...options });
  expect(Object.keys(images)).toEqual(["candidate", "previous"]);
  expect(said.join("\n")).toMatch(/\(derived: previous\): It stands for the image that users have/);
  const named = { candidate, previous: candidate };
  expect(await withDerivedImages({ scenarios: upgrade, images: named, ...options })).toEqual(named);
  const health = scenarios.filter(({ id }) => id === "boot/health");
  expect(
    Object.keys(await withDerivedImages({ scenarios: health, images: { candidate }, ...options })),
  ).toEqual(["candidate"]);
  const disk = { candidate: { ...candidate, oci: null } };
  expect(await withDerivedImages({ scenarios, images: disk, ...options })).toEqual(disk);
  expect(await withDerivedImages({ scenarios, images: {}, ...options })).toEqual({});
  const future = { ...upgrade[0], definition: { needs: { images: derivedKinds } } } as never;
  expect(
    Object.keys(
      await withDerivedImages({ scenarios: [future], images: { candidate }, ...options }),
    ),
  ).toEqual(["candidate", "previous", "next", "broken"]);
});
