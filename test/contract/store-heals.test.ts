// A blob of the cache that is damaged later: it goes when that is seen, and the next one who asks has the whole image.
import { type FileHandle, open as openFile, readFile, realpath, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createSeed } from "../../fixtures/registry-seed.ts";
import { HostUnfit, messageOf } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { deriveImage } from "../../images/derive/derive.ts";
import type { Image } from "../../images/image.ts";
import { blobPath, type OciImageFacts, readOciImage } from "../../images/origins/oci-layout.ts";
import { openOci } from "../../images/origins/open-oci.ts";
import { readRootTree } from "../../images/rootfs/root-tree.ts";
import { gzipLayer, imageOf } from "../unit/support/layers.ts";

const { signal } = new AbortController();
let folder: Workspace;
let layout: string;
beforeAll(async () => {
  folder = await createWorkspace("heals");
  layout = join(folder.path, "layout");
  const made = await imageOf(layout, [
    gzipLayer([{ name: "usr/" }, { name: "usr/a", content: "hello world ".repeat(2000) }]),
  ]);
  await runCommand("skopeo", [
    ...["--insecure-policy", "copy", "--quiet", `oci:${layout}:${made.tag}`],
    `oci-archive:${join(folder.path, "a.tar")}:x`,
  ]);
});
afterAll(() => folder[Symbol.asyncDispose]());

/** As each run opens it: from the store where that has it. */
const openIt = async (cache: string): Promise<OciImageFacts> => {
  const path = join(folder.path, "a.tar");
  const name = { kind: "archive", transport: "oci-archive", path, tag: "x" } as const;
  const options = {
    ...{ cacheDir: join(folder.path, cache), cwd: folder.path, signal },
    onProgress: () => undefined,
  };
  return (await openOci(name, "oci-archive:a.tar:x", options)).facts;
};

const layerOf = ({ layout: at, layers }: OciImageFacts): string =>
  blobPath(at, layers[0]?.digest ?? expect.fail());

/** Other bytes of the same length, as after a power cut. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(await realpath(path), bytes.fill(0, 10));
}

const imageFrom = (facts: OciImageFacts): Image => ({
  ...{ name: "os", digest: facts.digest, manifest: facts.digest, disk: null, follows: null },
  ...{ architecture: "x86_64", oci: { layout: facts.layout, tag: facts.tag }, standIns: [] },
});

test("a damaged layer goes with the word that says so, and the next run has a whole one", async () => {
  const facts = await openIt("unpacked");
  await damage(layerOf(facts));
  const error = await readRootTree(facts, { signal }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(messageOf(error)).toMatch(
    /is damaged: the blob is not what its name says[\s\S]*start again/,
  );
  const again = await openIt("unpacked");
  expect((await readRootTree(again, { signal })).lookup("/usr/a")?.size).toBe(24_000);
});

test("the same by way of an image that was derived of it", async () => {
  const facts = await openIt("derived");
  const cacheDir = join(folder.path, "derived");
  const made = await deriveImage(imageFrom(facts), "previous", { cacheDir, signal });
  const derived = await readOciImage(made.oci?.layout ?? "", made.oci?.tag ?? "");
  await damage(layerOf(facts));
  const error = await readRootTree(derived, { signal }).catch((thrown: unknown) => thrown);
  expect(messageOf(error)).toContain("start again");
  await openIt("derived");
  const again = await readOciImage(derived.layout, derived.tag);
  expect((await readRootTree(again, { signal })).lookup("/usr/a")?.size).toBe(24_000);
});

test("what a registry of the harness does not take is looked through, and what is damaged goes", async () => {
  const facts = await openIt("pushed");
  await damage(layerOf(facts));
  const seed = createSeed(join(folder.path, "seed"), signal);
  const error = await seed.ensure(imageFrom(facts)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(messageOf(error)).toMatch(/is damaged in the cache[\s\S]*start again/);
  expect((await readRootTree(await openIt("pushed"), { signal })).lookup("/usr/a")).not.toBeNull();
});

test.each([
  [
    "documents of other bytes",
    (facts: OciImageFacts) => damage(blobPath(facts.layout, facts.config.digest)),
  ],
  ["a layer that is cut off", (facts: OciImageFacts) => writeFile(layerOf(facts), "x")],
])("an image with %s is made again", async (what, harm) => {
  await harm(await openIt(what));
  const again = await openIt(what);
  expect((await readRootTree(again, { signal })).lookup("/usr/a")?.size).toBe(24_000);
});

test("what is damaged in somebody's own layout stays, for its owner to see", async () => {
  const own = join(folder.path, "own");
  const facts = await imageOf(own, [gzipLayer([{ name: "usr/b", content: "b".repeat(5000) }])]);
  await damage(layerOf(facts));
  await expect(readRootTree(facts, { signal })).rejects.toThrow(/copy the image again/);
  expect((await readFile(layerOf(facts))).length).toBe(facts.layers[0]?.size);
});

test("all blobs of an image are on the disk before the image is there", async () => {
  const handle = await openFile(layout);
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const synced = new Set<number>();
  const spy = vi.spyOn(prototype, "sync").mockImplementation(async function (this: FileHandle) {
    synced.add((await this.stat()).ino);
  });
  try {
    const facts = await openIt("synced");
    for (const { digest } of [facts.config, ...facts.layers]) {
      const path = await realpath(blobPath(facts.layout, digest));
      for (const one of [path, dirname(path)]) {
        const file = await openFile(one);
        expect(synced).toContain((await file.stat()).ino);
        await file.close();
      }
    }
  } finally {
    spy.mockRestore();
  }
});
