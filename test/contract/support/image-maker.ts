// Small images of every form that registries have, as `dir:` folders: skopeo pushes each of them to the byte.
import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runCommand } from "../../../harness/base/process.ts";

export const sha = (bytes: Uint8Array | string): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const hexOf = (digest: string): string => digest.slice("sha256:".length);

export const mediaTypes = {
  oci: {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  },
  docker: {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  },
} as const;

export interface MadeImage {
  /** In the form `dir:`. */
  readonly folder: string;
  readonly manifest: Buffer;
  readonly digest: string;
  readonly mediaType: string;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
  readonly config: string;
}

export interface ImageWish {
  readonly form?: keyof typeof mediaTypes;
  readonly architecture?: string;
  readonly layerType?: string;
  /** Random bytes in each layer. */
  readonly sizes?: readonly number[];
  /** Layers to be had as they are, before new ones. */
  readonly layers?: readonly Buffer[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Bytes behind each layer's tar before it is packed: the layer is then neither gzip nor a tar. */
  readonly pack?: (tar: Buffer) => Promise<Buffer> | Buffer;
}

/** A tar of one file with random bytes, by the real tar. */
async function randomTar(folder: string, name: string, bytes: number): Promise<Buffer> {
  await writeFile(join(folder, name), randomBytes(bytes));
  const file = join(folder, `${name}.tar`);
  await runCommand("tar", ["--create", "--file", file, "--directory", folder, name]);
  const tar = await readFile(file);
  await rm(file);
  await rm(join(folder, name));
  return tar;
}

/** Makes an image in a new folder. The configuration ends with a line feed, which must survive every way. */
export async function makeImage(folder: string, wish: ImageWish = {}): Promise<MadeImage> {
  const { form = "oci", architecture = "amd64", sizes = [3000, 4000], pack = gzipSync } = wish;
  await mkdir(folder, { recursive: true });
  const types = mediaTypes[form];
  const put = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
    await writeFile(join(folder, hexOf(sha(bytes))), bytes);
    return { digest: sha(bytes), size: bytes.length };
  };
  const tars = [
    ...(wish.layers ?? []),
    ...(await Promise.all(sizes.map((size, index) => randomTar(folder, `file${index}`, size)))),
  ];
  const packed = await Promise.all(tars.map(async (tar) => put(await pack(tar))));
  const layers = packed.map((blob) => ({ mediaType: wish.layerType ?? types.layer, ...blob }));
  const config = await put(
    Buffer.from(
      `${JSON.stringify({
        architecture,
        os: "linux",
        created: "2026-01-02T03:04:05Z",
        config: { Labels: wish.labels ?? { "containers.bootc": "1" } },
        rootfs: { type: "layers", diff_ids: tars.map(sha) },
        history: tars.map(() => ({ created_by: "test" })),
      })}\n`,
    ),
  );
  const document = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, ...config },
    layers,
  };
  const manifest = Buffer.from(JSON.stringify(document, null, 3));
  await writeFile(join(folder, "manifest.json"), manifest);
  await writeFile(join(folder, "version"), "Directory Transport Version: 1.1\n");
  const digest = sha(manifest);
  return { folder, manifest, digest, mediaType: types.manifest, layers, config: config.digest };
}

/** An OCI layout of some images, each under a tag or none. */
export async function makeLayoutOf(
  folder: string,
  images: readonly { readonly image: MadeImage; readonly tag?: string }[],
): Promise<string> {
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  const manifests = [];
  for (const { image, tag } of images) {
    for (const name of await readdir(image.folder))
      if (/^[0-9a-f]{64}$/.test(name))
        await copyFile(join(image.folder, name), join(folder, "blobs/sha256", name));
    await writeFile(join(folder, "blobs/sha256", hexOf(image.digest)), image.manifest);
    const { digest, mediaType, manifest } = image;
    const annotations = { "org.opencontainers.image.ref.name": tag };
    const entry = { mediaType, digest, size: manifest.length };
    manifests.push(tag === undefined ? entry : { ...entry, annotations });
  }
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return folder;
}

/** An index of images by architecture, as a document. */
export const indexOf = (
  images: readonly { readonly image: MadeImage; readonly architecture: string }[],
): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: images.map(({ image: { mediaType, digest, manifest }, architecture }) => ({
        mediaType,
        digest,
        size: manifest.length,
        platform: { architecture, os: "linux" },
      })),
    }),
  );
