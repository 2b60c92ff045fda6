/** Of which layers an image is, and what it says of its base, as builders in the field write it. */
import { expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { type ImageLayers, readImageLayers } from "../../images/origins/image-layers.ts";
import {
  diffIdOf,
  digestOfText,
  type LayeredImage,
  writeLayered,
} from "../contract/support/layered-layout.ts";

const commit = "c".repeat(64);
const base = digestOfText("the base");
const ofOstree = { "ostree.commit": commit, "ostree.final-diffid": diffIdOf("packages") };

async function read(image: LayeredImage): Promise<ImageLayers | null> {
  await using folder = await createWorkspace("layers");
  const manifest = await writeLayered(folder.path, image);
  return await readImageLayers({ oci: { layout: folder.path, tag: "v1" }, manifest });
}

test("an image that buildah built on an ostree commit names commit, base and where the base ends", async () => {
  const found = await read({
    layers: ["commit", "packages", "own"],
    labels: {
      ...ofOstree,
      "org.opencontainers.image.version": "44.20261120.0",
      "org.opencontainers.image.revision": "abc",
    },
    annotations: {
      "org.opencontainers.image.base.name": "quay.io/fedora/fedora-bootc:44",
      "org.opencontainers.image.base.digest": base,
    },
  });
  expect(found).toMatchObject({
    whole: 2,
    commit,
    version: "44.20261120.0",
    revision: "abc",
    claims: [{ by: "annotation", digest: base, name: "quay.io/fedora/fedora-bootc:44" }],
  });
  expect(found?.layers.map(({ diffId }) => diffId)).toEqual(
    ["commit", "packages", "own"].map(diffIdOf),
  );
  expect(found?.layers[2]).toMatchObject({ digest: digestOfText("own"), size: 3 });
});

test.each<[string, LayeredImage, Partial<ImageLayers>]>([
  [
    "labels of a commit whose last layer is not there are left over",
    { layers: ["chunk"], labels: ofOstree },
    { whole: 0 },
  ],
  [
    "a name without a digest is a tag, and says nothing",
    {
      layers: ["one"],
      annotations: { "org.opencontainers.image.base.name": "localhost/base:latest" },
      labels: { "org.opencontainers.image.base.digest": "latest" },
    },
    { claims: [] },
  ],
  [
    "a label is inherited, so it says of an ancestor",
    { layers: ["one"], labels: { "org.opencontainers.image.base.digest": base } },
    { claims: [{ by: "label", digest: base }] },
  ],
  [
    "chunks of chunkah, told by their annotations",
    {
      layers: ["kernel", "rest", "own"],
      layerAnnotations: [
        { "org.chunkah.component": "rpm/kernel" },
        { "org.chunkah.component": "" },
        {},
      ],
    },
    { whole: 2 },
  ],
  [
    "the same by its history alone",
    {
      layers: ["kernel", "rest", "own"],
      history: [
        { created_by: "chunkah" },
        { created_by: "chunkah" },
        { created_by: "ENV", empty_layer: true },
        { created_by: "RUN" },
      ],
    },
    { whole: 2 },
  ],
  [
    "chunks of rpm-ostree",
    { layers: ["commit", "glibc"], layerAnnotations: [{}, { "ostree.components": "glibc" }] },
    { whole: 2 },
  ],
  [
    "a label as long as a book is cut",
    { layers: ["one"], labels: { "org.opencontainers.image.version": "9".repeat(9999) } },
    { version: "9".repeat(200) },
  ],
])("%s", async (_, image, expected) => {
  const found = await read(image);
  expect(found).toMatchObject(expected);
  expect(found?.commit).toBeUndefined();
});

test.each<[string, LayeredImage]>([
  ["digests of tars that are none", { layers: ["one"], diffIds: ["one"] }],
  ["another number of tars than of layers", { layers: ["one"], diffIds: [base, base] }],
  ["more layers than there can be", { layers: Array.from({ length: 513 }, (_, at) => `${at}`) }],
])("nothing tells: %s", async (_, image) => {
  expect(await read(image)).toBeNull();
});

test("nothing tells of a disk, of what is not there, and of another image under the name", async () => {
  await using folder = await createWorkspace("layers");
  const manifest = await writeLayered(folder.path, { layers: ["one"] });
  const there = { layout: folder.path, tag: "v1" };
  expect(await readImageLayers({ oci: there, manifest })).not.toBeNull();
  expect(await readImageLayers({ oci: there, manifest: base })).toBeNull();
  expect(await readImageLayers({ oci: { ...there, tag: "v2" }, manifest })).toBeNull();
  expect(await readImageLayers({ oci: null, manifest: null })).toBeNull();
});
