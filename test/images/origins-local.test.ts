// Images that no registry serves: layouts of every shape, folders, archives and podman's own storage.
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { parseImageName } from "../../images/origins/image-name.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";
import { type OpenedOci, type OriginOptions, openOci } from "../../images/origins/open-oci.ts";
import {
  indexOf,
  type MadeImage,
  makeImage,
  makeLayoutOf,
  sha,
} from "../contract/support/image-maker.ts";
import { quick } from "../contract/support/registry-lab.ts";

const { signal } = new AbortController();
const progress: string[] = [];
let folder: Workspace;
let amd: MadeImage;
let arm: MadeImage;
let docker: MadeImage;
const at = (name: string): string => join(folder.path, name);
beforeAll(async () => {
  folder = await createWorkspace("local");
  amd = await makeImage(at("amd"));
  arm = await makeImage(at("arm"), { architecture: "arm64" });
  docker = await makeImage(at("docker"), { form: "docker" });
});
afterAll(() => folder[Symbol.asyncDispose]());

async function open(text: string, more: Partial<OriginOptions> = {}): Promise<OpenedOci> {
  const name = parseImageName(text, { entries: [], names: [], isThere: false });
  if (name.kind === "catalogue" || name.kind === "disk") throw new Error("It is an OCI image.");
  const opened = await openOci(name, text, {
    cacheDir: at("cache"),
    cwd: folder.path,
    signal,
    onProgress: (line) => progress.push(line),
    architecture: "x86_64",
    limits: quick,
    ...more,
  });
  // Whatever it came from, everybody can read it.
  const { layout, tag, digest } = opened.facts;
  expect((await readOciImage(layout, tag)).digest).toBe(digest);
  expect(opened.follows).toBeNull();
  return opened;
}

const copy = (from: string, to: string): Promise<unknown> =>
  runCommand("skopeo", ["--insecure-policy", "copy", "--quiet", from, to]);

test("a layout is used where it lies, by any tag", async () => {
  await makeLayoutOf(at("plain"), [
    { image: amd, tag: "v1" },
    { image: arm, tag: "quay.io/x/y:43" },
  ]);
  expect((await open("oci:plain:v1")).facts).toMatchObject({
    layout: at("plain"),
    digest: amd.digest,
  });
  expect((await open("oci:plain:quay.io/x/y:43")).facts).toMatchObject({
    digest: arm.digest,
    architecture: "aarch64",
  });
  await expect(open("oci:plain")).rejects.toThrow(
    /holds 2 images; expected oci:DIR:TAG[\s\S]*v1, quay\.io\/x\/y:43/,
  );
  await expect(open("oci:plain:v2")).rejects.toThrow(/has no tag 'v2'; did you mean 'v1'\?/);
});

test("the only image of a layout needs no tag, whether it has one or not", async () => {
  await makeLayoutOf(at("only"), [{ image: docker, tag: "v1" }]);
  expect((await open("oci:only")).facts).toMatchObject({
    layout: at("only"),
    digest: docker.digest,
  });
  await makeLayoutOf(at("nameless"), [{ image: amd }]);
  const { facts } = await open("oci:nameless");
  expect(facts.digest).toBe(amd.digest);
  expect(facts.layout).toContain("cache/oci/images");
  await makeLayoutOf(at("empty"), []);
  await expect(open("oci:empty")).rejects.toThrow(/is empty/);
  await expect(open("oci:nowhere")).rejects.toThrow(/does not exist/);
});

test.each(["oci:co:lon", "oci:co:lon:v1", "oci-archive:co:lon.tar"])(
  "%s: the first colon ended a path that goes on behind it",
  async (name) => {
    await makeLayoutOf(at("co:lon"), [{ image: amd, tag: "v1" }]);
    await writeFile(at("co:lon.tar"), "");
    const opened = open(name);
    await expect(opened).rejects.toThrow(
      /'co' does not exist, and 'co:lon(?:\.tar)?' cannot be named: the first colon ends the path/,
    );
    await expect(opened).rejects.toHaveProperty("name", "UsageError");
    await expect(open(name.replace(":co:lon", ":other:lon"))).rejects.toThrow(
      /other(?!:).*not exist/,
    );
  },
);

test("an index in a layout stands for the machine's architecture", async () => {
  const layout = await makeLayoutOf(at("multi"), [{ image: amd }, { image: arm }]);
  const index = indexOf([
    { image: amd, architecture: "amd64" },
    { image: arm, architecture: "arm64" },
  ]);
  await writeFile(join(layout, "blobs/sha256", sha(index).slice(7)), index);
  const entry = {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: sha(index),
    size: index.length,
    annotations: { "org.opencontainers.image.ref.name": "43" },
  };
  await writeFile(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  );
  for (const name of ["oci:multi:43", "oci:multi"]) {
    expect((await open(name)).facts.digest).toBe(amd.digest);
    expect((await open(name, { architecture: "aarch64" })).facts.digest).toBe(arm.digest);
  }
  const archive = at("multi.tar");
  await runCommand("tar", ["--create", "--file", archive, "--directory", layout, "."]);
  expect((await open("oci-archive:multi.tar:43")).facts.digest).toBe(amd.digest);
  const forArm = await open("oci-archive:multi.tar:43", { architecture: "aarch64" });
  expect(forArm.facts.digest).toBe(arm.digest);
});

test("dir: keeps the digest of any form", async () => {
  expect((await open("dir:amd")).facts.digest).toBe(amd.digest);
  expect((await open("dir:docker")).facts).toMatchObject({
    digest: docker.digest,
    mediaType: docker.mediaType,
  });
  await expect(open("dir:nowhere")).rejects.toThrow(/does not exist/);
});

test("a damaged blob is told, and nothing of it stays", async () => {
  const bad = await makeImage(at("bad"));
  await truncate(join(bad.folder, bad.layers[1]?.digest.slice(7) ?? ""), 10);
  const cacheDir = at("cache-bad");
  const opened = open("dir:bad", { cacheDir });
  await expect(opened).rejects.toThrow(/is not what its name says: the image is damaged/);
  await expect(opened).rejects.toHaveProperty("name", "UsageError");
  for (const name of ["images", "drafts", "claims"])
    expect(await readdir(join(cacheDir, "oci", name))).toEqual([]);
});

test("oci-archive: keeps the digest, with and without a tag, and is unpacked once", async () => {
  await copy(`dir:${amd.folder}`, `oci-archive:${at("a.tar")}:quay.io/x/y:1`);
  const { facts, notes } = await open("oci-archive:a.tar");
  expect(facts.digest).toBe(amd.digest);
  expect(notes).toEqual([]);
  progress.length = 0;
  expect((await open("oci-archive:a.tar")).facts.digest).toBe(amd.digest);
  expect(progress).toEqual([]);
  expect((await open("oci-archive:a.tar:quay.io/x/y:1")).facts.digest).toBe(amd.digest);
});

test("docker-archive: the digest is made by the copy, which is said; it is the same each time", async () => {
  await copy(`dir:${amd.folder}`, `docker-archive:${at("d.tar")}:quay.io/x/y:1`);
  const { facts, notes } = await open("docker-archive:d.tar");
  expect(notes).toEqual([expect.stringMatching(/digest was made by the copy/)]);
  const again = await open("docker-archive:d.tar:quay.io/x/y:1", { cacheDir: at("cache2") });
  expect(again.facts.digest).toBe(facts.digest);
  expect(facts.labels).toEqual({ "containers.bootc": "1" });
});

test.each<[string, RegExp]>([
  ["oci-archive:nowhere.tar", /archive '.*nowhere\.tar' does not exist/],
  ["oci-archive:amd", /is not a regular file/],
  ["oci-archive:cut.tar", /is truncated or damaged/],
  ["docker-archive:cut.tar", /truncated or damaged|not of the form/],
  ["docker-archive:a.tar", /is not of the form that its name says/],
  ["oci-archive:d.tar", /is not of the form that its name says/],
  ["oci-archive:a.tar:nope", /does not have one image of that name/],
  ["docker-archive:d.tar:quay.io/x/z:1", /does not have one image of that name/],
  ["oci-archive:text", /is truncated or damaged/],
])("%s is refused in words", async (name, words) => {
  await copy(`dir:${amd.folder}`, `oci-archive:${at("cut.tar")}`);
  // In the middle of its second header, wherever its members come in the archive.
  await truncate(at("cut.tar"), 700);
  await writeFile(at("text"), "no archive\n".repeat(200));
  const opened = open(name);
  await expect(opened).rejects.toThrow(words);
  await expect(opened).rejects.toHaveProperty("name", "UsageError");
});

test("containers-storage: an image in podman's storage, and one that is not there", async () => {
  await mkdir(at("storage"));
  const storage = `[vfs@${at("storage/root")}+${at("storage/run")}]`;
  const name = `containers-storage:${storage}localhost/os:v1`;
  const copied = await attemptCommand("skopeo", [
    "--insecure-policy",
    "copy",
    `dir:${amd.folder}`,
    name,
  ]);
  if (copied.exitCode !== 0) {
    // A user without subordinate ids has no storage (subuid(5)); that is this host's trouble and told as such.
    expect(copied.stderr).toMatch(/newuidmap|newgidmap|subuid|operation not permitted/i);
    await expect(open(name)).rejects.toThrow(/cannot be read by this user/);
    await expect(open(name)).rejects.toHaveProperty("name", "HostUnfit");
    return;
  }
  const { facts, notes } = await open(name);
  expect(facts.labels).toEqual({ "containers.bootc": "1" });
  expect(facts.layers).toHaveLength(2);
  expect(notes).toEqual([expect.stringMatching(/storage of podman keeps the layers/)]);
  expect((await open(name, { cacheDir: at("c3") })).facts.digest).toBe(facts.digest);
  progress.length = 0;
  expect((await open(name)).facts.digest).toBe(facts.digest);
  expect(progress).toEqual([]);
  const missing = open(`containers-storage:${storage}localhost/os:v2`);
  await expect(missing).rejects.toThrow(/does not have 'containers-storage:.*' for this user/);
  await expect(missing).rejects.toHaveProperty("name", "UsageError");
});
