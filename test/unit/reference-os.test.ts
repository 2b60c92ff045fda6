/** The pure parts of the reference OS: keys, image documents, cpio archives, boot sectors, and the recipes. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { standInsByLabels } from "../../images/image.ts";
import { hashFolder, listInputs, referenceContentKey } from "../../images/reference/content-key.ts";
import { appendToInitramfs, cpioArchive } from "../../images/reference/cpio.ts";
import { biosImages } from "../../images/reference/disk.ts";
import {
  createdOn,
  imageConfig,
  imageIndex,
  imageManifest,
} from "../../images/reference/oci-layout.ts";
import { referencePlatforms } from "../../images/reference/platforms.ts";
import { versionNames, versionRecipes } from "../../images/reference/versions.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const layer = { digest: "sha256:aa", diffId: "sha256:bb", size: 7, path: "/x" };

test("the content key is the same for the same files and is a sha256", async () => {
  const key = await referenceContentKey(referencePlatforms.x86_64);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await referenceContentKey(referencePlatforms.x86_64)).toBe(key);
});

test("the hash of a folder follows names and contents, and leaves byte code and the README out", async () => {
  await using workspace = await temporaryFolder();
  const folder = join(workspace.path, "in");
  await mkdir(join(folder, "__pycache__"), { recursive: true });
  await mkdir(join(folder, "sub"));
  await writeFile(join(folder, "sub", "a"), "1");
  const before = await hashFolder(folder);
  await writeFile(join(folder, "__pycache__", "a.pyc"), "x");
  await writeFile(join(folder, "README.md"), "x");
  expect(await listInputs(folder)).toEqual(["sub/a"]);
  expect(await hashFolder(folder)).toBe(before);
  await writeFile(join(folder, "sub", "a"), "2");
  expect(await hashFolder(folder)).not.toBe(before);
});

test("image documents are fixed: equal input gives equal digests, and labels make it a bootc image", () => {
  const make = () =>
    imageConfig({ version: "v1", architecture: "arm64", created: createdOn(0), layers: [layer] });
  const config = make();
  expect(make().digest).toBe(config.digest);
  expect(JSON.parse(config.text)).toMatchObject({
    architecture: "arm64",
    created: "2026-01-01T00:00:00Z",
    config: {
      Labels: {
        "containers.bootc": "1",
        "ostree.bootable": "1",
        "org.opencontainers.image.version": "v1",
      },
    },
    rootfs: { type: "layers", diff_ids: ["sha256:bb"] },
  });
  const manifest = imageManifest(config, [layer]);
  expect(JSON.parse(manifest.text).config.size).toBe(Buffer.byteLength(config.text));
  const index = JSON.parse(imageIndex(new Map([["v1", manifest]]), "arm64"));
  expect(index.manifests).toHaveLength(1);
  expect(index.manifests[0]).toMatchObject({
    digest: manifest.digest,
    platform: { architecture: "arm64", os: "linux" },
    annotations: { "org.opencontainers.image.ref.name": "v1" },
  });
});

test("a cpio archive is aligned to four bytes and ends with the trailer", () => {
  const archive = cpioArchive([{ name: "init", mode: 0o100755, content: "#!/bin/sh\n" }]);
  expect(archive.length % 4).toBe(0);
  expect(archive.toString("latin1")).toMatch(/^070701[0-9A-F]{104}init\0/);
  expect(archive.toString("latin1")).toContain("TRAILER!!!");
  const whole = appendToInitramfs(Buffer.from("abcde"), []);
  expect(whole.subarray(0, 8)).toEqual(Buffer.from("abcde\0\0\0"));
});

test("the BIOS boot sector points at the core image and the core image at its own rest", () => {
  const { boot, core } = biosImages(Buffer.alloc(512), Buffer.alloc(1024));
  expect(boot.length).toBe(440);
  expect(boot.readBigUInt64LE(0x5c)).toBe(2048n);
  expect(core.readBigUInt64LE(500)).toBe(2049n);
});

test("every version differs from v1, and few have no disk", () => {
  const texts = versionNames.map((name) => JSON.stringify(versionRecipes[name].entries));
  expect(new Set(texts).size).toBe(versionNames.length);
  expect(versionNames.filter((name) => !versionRecipes[name].hasDisk)).toEqual([
    "v2-finalize-fails",
    "v2-verity",
  ]);
});

test("the reference OS is known by its own title, wherever it was pushed to", () => {
  const { text } = imageConfig({
    version: "v2",
    architecture: "amd64",
    created: createdOn(0),
    layers: [],
  });
  const { config } = JSON.parse(text) as { config: { Labels: Record<string, string> } };
  expect(standInsByLabels(config.Labels)).toEqual(["bootc"]);
  expect(standInsByLabels({ "org.opencontainers.image.title": "Fedora bootc" })).toEqual([]);
});
