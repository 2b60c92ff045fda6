/** Images that share layers, as OCI layouts with real digests: each layer is a word, its tar and its blob are two texts of it. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asDigest, type Digest } from "../../../harness/base/units.ts";
import { blobPath } from "../../../images/origins/oci-layout.ts";

export interface LayeredImage {
  /** Words, the lowest layer first. */
  readonly layers: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the manifest, and of each layer by its place. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly layerAnnotations?: readonly Readonly<Record<string, string>>[];
  readonly history?: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[];
  /** Digests of tars instead of those of the words. */
  readonly diffIds?: readonly string[];
}

export const digestOfText = (text: string): Digest =>
  asDigest(`sha256:${createHash("sha256").update(text).digest("hex")}`);

/** Digest of the tar of a layer. */
export const diffIdOf = (word: string): Digest => digestOfText(`tar of ${word}`);

/** Writes an image under the tag `v1` of a layout; returns what its digest is. */
export async function writeLayered(layout: string, image: LayeredImage): Promise<Digest> {
  await mkdir(join(layout, "blobs", "sha256"), { recursive: true });
  const put = async (text: string): Promise<{ digest: Digest; size: number }> => {
    const digest = digestOfText(text);
    await writeFile(blobPath(layout, digest), text);
    return { digest, size: Buffer.byteLength(text) };
  };
  const layers = [];
  for (const [place, word] of image.layers.entries())
    layers.push({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      ...(await put(word)),
      annotations: image.layerAnnotations?.[place],
    });
  const config = await put(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Labels: image.labels },
      rootfs: { type: "layers", diff_ids: image.diffIds ?? image.layers.map(diffIdOf) },
      history: image.history,
    }),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const { annotations } = image;
  const manifest = await put(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers,
      annotations,
    }),
  );
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const entry = {
    mediaType,
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": "v1" },
  };
  await writeFile(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  );
  return manifest.digest;
}
