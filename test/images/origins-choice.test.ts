// Which image of several is meant: by tag, by platform, by a digest behind the name; and what is said where it is not one.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { Catalogue } from "../../images/catalogue.ts";
import type { FoundImage } from "../../images/image.ts";
import { type ResolveOptions, resolveImage } from "../../images/resolve.ts";
import {
  indexOf,
  type MadeImage,
  makeImage,
  makeLayoutOf,
  sha,
} from "../contract/support/image-maker.ts";
import { quick } from "../contract/support/registry-lab.ts";

const { signal } = new AbortController();
let folder: Workspace;
let amd: MadeImage;
let arm: MadeImage;
let other: MadeImage;
const at = (name: string): string => join(folder.path, name);

const ociIndex = "application/vnd.oci.image.index.v1+json";
const tagged = (tag: string): object => ({
  annotations: { "org.opencontainers.image.ref.name": tag },
});
const entryOf = ({ mediaType, digest, manifest }: MadeImage, more: object = {}): object => ({
  mediaType,
  digest,
  size: manifest.length,
  ...more,
});
const platform = (architecture: string): object => ({ platform: { architecture, os: "linux" } });

/** A layout of these images whose `index.json` holds just these entries. */
async function layout(name: string, images: MadeImage[], manifests: object[]): Promise<void> {
  const made = await makeLayoutOf(
    at(name),
    images.map((image) => ({ image })),
  );
  await writeFile(join(made, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** A layout that names one index of images, as buildx makes it; returns the index's digest. */
async function indexed(
  name: string,
  images: readonly { readonly image: MadeImage; readonly architecture: string }[],
): Promise<string> {
  const index = indexOf(images);
  const entry = { mediaType: ociIndex, digest: sha(index), size: index.length, ...tagged("pr-1") };
  await layout(
    name,
    images.map(({ image }) => image),
    [entry],
  );
  await writeFile(join(at(name), "blobs/sha256", sha(index).slice(7)), index);
  return sha(index);
}

const tar = (name: string, ...words: string[]): Promise<unknown> =>
  runCommand("tar", ["-cf", at(`${name}.tar`), ...words, "-C", at(name), "."]);

beforeAll(async () => {
  folder = await createWorkspace("choice");
  amd = await makeImage(at("amd"));
  arm = await makeImage(at("arm"), { architecture: "arm64" });
  other = await makeImage(at("other"));
});
afterAll(() => folder[Symbol.asyncDispose]());

const resolve = (name: string, more: Partial<ResolveOptions> = {}): Promise<FoundImage> =>
  resolveImage(name, {
    catalogue: { images: {}, directory: folder.path } as unknown as Catalogue,
    reference: () => Promise.reject(new Error("Nothing is built here.")),
    cacheDir: at("cache"),
    cwd: folder.path,
    signal,
    onProgress: () => undefined,
    architecture: "x86_64",
    limits: quick,
    ...more,
  });

async function refusal(name: string, more: Partial<ResolveOptions> = {}): Promise<string> {
  const error = await resolve(name, more).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}

test("a layout with an image for each platform stands for the machine's own", async () => {
  await layout(
    "flat",
    [amd, arm],
    [entryOf(amd, platform("amd64")), entryOf(arm, platform("arm64"))],
  );
  const image = await resolve("oci:flat");
  expect(image.digest).toBe(amd.digest);
  // No registry has an index of them, so none is named.
  expect(image.index).toBeUndefined();
  expect(image.notes).toEqual([expect.stringMatching(/image for each platform.*x86_64/)]);
  expect((await resolve("oci:flat", { architecture: "aarch64" })).digest).toBe(arm.digest);

  await layout(
    "flat-tagged",
    [amd, arm],
    [
      entryOf(amd, { ...platform("amd64"), ...tagged("v1") }),
      entryOf(arm, { ...platform("arm64"), ...tagged("v1") }),
    ],
  );
  expect((await resolve("oci:flat-tagged:v1")).digest).toBe(amd.digest);

  await layout(
    "flat-arm",
    [arm, other],
    [entryOf(arm, platform("arm64")), entryOf(other, platform("s390x"))],
  );
  const said = await refusal("oci:flat-arm");
  expect(said).toMatch(/is not there for x86_64[\s\S]*linux\/arm64/);
  expect(said).toMatch(/--architecture aarch64, or name one of them by its digest/);
});

test("two images for one platform are not chosen between, and what can be named is told", async () => {
  await layout(
    "two",
    [amd, other],
    [entryOf(amd, platform("amd64")), entryOf(other, platform("amd64"))],
  );
  const said = await refusal("oci:two");
  expect(said).toMatch(/holds 2 images; expected oci:DIR@sha256:…/);
  expect(said).toContain(other.digest);
  expect((await resolve(`oci:two@${other.digest}`)).digest).toBe(other.digest);
});

test("a digest behind a layout's name finds the image, by its own or by its index's", async () => {
  await layout("tags", [amd, other], [entryOf(amd, tagged("one")), entryOf(other, tagged("two"))]);
  expect((await resolve(`oci:tags@${other.digest}`)).digest).toBe(other.digest);
  expect((await resolve(`oci:tags:two@${other.digest}`)).digest).toBe(other.digest);
  expect(await refusal(`oci:tags:one@${other.digest}`)).toMatch(/does not hold/);
  expect(await refusal(`oci:tags@sha256:${"0".repeat(64)}`)).toMatch(
    /does not hold 'sha256:0+'[\s\S]*sha256:/,
  );

  const both = [
    { image: amd, architecture: "amd64" },
    { image: arm, architecture: "arm64" },
  ];
  const index = await indexed("buildx", both);
  expect(await resolve(`oci:buildx@${index}`)).toMatchObject({ digest: amd.digest, index });
  const pinned = await resolve(`oci:buildx@${arm.digest}`);
  expect(pinned).toMatchObject({ digest: arm.digest, architecture: "aarch64" });
  expect(pinned.index).toBeUndefined();
});

test("the advice of an index without this architecture can be followed", async () => {
  await indexed("armidx", [{ image: arm, architecture: "arm64" }]);
  const said = await refusal("oci:armidx");
  expect(said).toMatch(/--architecture aarch64/);
  const named = /linux\/arm64 (sha256:\w+)/.exec(said)?.[1] ?? "";
  expect((await resolve(`oci:armidx@${named}`)).digest).toBe(arm.digest);
  expect((await resolve("oci:armidx", { architecture: "aarch64" })).digest).toBe(arm.digest);

  await tar("armidx");
  const archive = await refusal("oci-archive:armidx.tar");
  expect(archive).toMatch(
    /is not there for x86_64[\s\S]*linux\/arm64[\s\S]*--architecture aarch64/,
  );
  expect(archive).not.toMatch(/by its digest/);
});

test("a list that says another platform than its image is refused, wherever it stands", async () => {
  const index = await indexed("liar", [{ image: arm, architecture: "amd64" }]);
  await tar("liar");
  await layout(
    "flat-liar",
    [arm, other],
    [entryOf(arm, platform("amd64")), entryOf(other, platform("s390x"))],
  );
  for (const name of ["oci:liar", `oci:liar@${index}`, "oci-archive:liar.tar", "oci:flat-liar"])
    expect(await refusal(name)).toMatch(/is for linux\/amd64; the .* says linux\/arm64/);
  expect((await resolve(`oci:liar@${arm.digest}`)).architecture).toBe("aarch64");

  await layout("nothing", [], []);
  expect(await refusal("oci:nothing")).toMatch(/is empty: .* does not name any image\.$/);
  await tar("nothing");
  expect(await refusal("oci-archive:nothing.tar")).not.toMatch(/unpack|FILE:TAG/);
});

test("an archive keeps the index that its image was found by, and a digest pins either", async () => {
  const index = await indexed("kept", [
    { image: amd, architecture: "amd64" },
    { image: arm, architecture: "arm64" },
  ]);
  await tar("kept");
  // Where the second one finds it in the store.
  for (const name of ["oci-archive:kept.tar", "oci-archive:kept.tar:pr-1", "oci-archive:kept.tar"])
    expect(await resolve(name)).toMatchObject({
      digest: amd.digest,
      index,
      notes: [expect.stringContaining(index)],
    });
  expect(await resolve(`oci-archive:kept.tar@${index}`)).toMatchObject({ digest: amd.digest });
  expect(await resolve(`oci-archive:kept.tar@${amd.digest}`)).toMatchObject({ index });
  expect(await refusal(`oci-archive:kept.tar@${arm.digest}`)).toMatch(/is not the one/);

  // GNU tar and PAX write other headers; a compressed one is skopeo's alone to read.
  await tar("kept", "--format=pax");
  expect((await resolve("oci-archive:kept.tar")).index).toBe(index);
  await tar("kept", "--gzip");
  const packed = await resolve("oci-archive:kept.tar");
  expect(packed).toMatchObject({ digest: amd.digest });
  expect(packed.index).toBeUndefined();
});

test("an archive with several images tells its tags, or how to get at one without any", async () => {
  await layout(
    "several",
    [amd, other],
    [entryOf(amd, tagged("one")), entryOf(other, tagged("two"))],
  );
  await tar("several");
  expect(await refusal("oci-archive:several.tar")).toMatch(
    /does not have one image of that name[\s\S]*one, two[\s\S]*oci-archive:FILE:TAG/,
  );
  expect(await refusal("oci-archive:several.tar:three")).toMatch(/one, two/);
  expect((await resolve("oci-archive:several.tar:two")).digest).toBe(other.digest);

  await layout(
    "untagged",
    [amd, arm],
    [entryOf(amd, platform("amd64")), entryOf(arm, platform("arm64"))],
  );
  await tar("untagged");
  const said = await refusal("oci-archive:untagged.tar");
  expect(said).toMatch(/tar -xf '.*untagged\.tar' -C DIR\) and name oci:DIR/);
  expect(said).not.toMatch(/list-tags/);
});

test("a docker-archive of several images without a name is the caller's to mend", async () => {
  await runCommand("skopeo", [
    ...["--insecure-policy", "copy", "--quiet", `dir:${amd.folder}`],
    `docker-archive:${at("many.tar")}:quay.io/x:1`,
  ]);
  // skopeo does not write a second image into an archive, so its list of images is made to have two.
  await mkdir(at("parts"));
  await runCommand("tar", ["-xf", at("many.tar"), "-C", at("parts")]);
  const list = await readFile(join(at("parts"), "manifest.json"), "utf8");
  const [one] = JSON.parse(list) as { RepoTags: string[] }[];
  const two = [one, { ...one, RepoTags: ["quay.io/y:1"] }];
  await writeFile(join(at("parts"), "manifest.json"), JSON.stringify(two));
  await runCommand("tar", ["-cf", at("many.tar"), "-C", at("parts"), "."]);
  expect(await refusal("docker-archive:many.tar")).toMatch(
    /does not have one image of that name[\s\S]*list-tags docker-archive:FILE/,
  );
});

test("a layout for another system is refused where it lies too", async () => {
  const image = await makeImage(at("win"));
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "windows",
      rootfs: { type: "layers", diff_ids: [] },
    }),
  );
  const document = JSON.parse(image.manifest.toString()) as { config: object };
  const manifest = Buffer.from(
    JSON.stringify({
      ...document,
      config: { ...document.config, digest: sha(config), size: config.length },
    }),
  );
  const changed: MadeImage = { ...image, manifest, digest: sha(manifest) };
  await layout("windows", [changed], [entryOf(changed, tagged("v1"))]);
  await writeFile(join(at("windows"), "blobs/sha256", sha(config).slice(7)), config);
  expect(await refusal("oci:windows:v1")).toMatch(/is for 'windows', not for Linux/);
});
