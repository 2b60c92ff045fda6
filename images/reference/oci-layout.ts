/** The JSON documents of an OCI image layout. Pure; everything is fixed so that equal input gives equal digests. */
import { createHash } from "node:crypto";

export interface LayerBlob {
  readonly digest: string;
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  readonly size: number;
  readonly path: string;
}

export interface JsonBlob {
  readonly digest: string;
  readonly text: string;
}

/** The moment that every image claims to be made at. Versions differ by a day each, which people can see in `bootc status`. */
const imageEpoch = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;

/** The fixed creation time of an image, so many days after the epoch. */
export const createdOn = (day: number): string =>
  new Date(imageEpoch + day * dayMs).toISOString().replace(".000Z", "Z");

const mediaTypes = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
} as const;

const asBlob = (document: unknown): JsonBlob => {
  const text = JSON.stringify(document);
  return { text, digest: `sha256:${createHash("sha256").update(text).digest("hex")}` };
};

const sizeOf = (blob: JsonBlob): number => Buffer.byteLength(blob.text);

/** The image configuration of a version. */
export function imageConfig(options: {
  readonly version: string;
  /** As OCI calls it. */
  readonly architecture: string;
  readonly created: string;
  readonly layers: readonly LayerBlob[];
}): JsonBlob {
  const { version, architecture, created, layers } = options;
  return asBlob({
    architecture,
    os: "linux",
    created,
    config: {
      Cmd: ["/sbin/init"],
      Labels: {
        "containers.bootc": "1",
        "ostree.bootable": "1",
        "org.opencontainers.image.title": "bootgate reference OS",
        "org.opencontainers.image.version": version,
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created, created_by: "bootgate images/reference" })),
  });
}

/** The manifest that ties a configuration to its layers. */
export function imageManifest(config: JsonBlob, layers: readonly LayerBlob[]): JsonBlob {
  return asBlob({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: sizeOf(config) },
    layers: layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
  });
}

/** index.json: one tag for each version. */
export function imageIndex(manifests: ReadonlyMap<string, JsonBlob>, architecture: string): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [...manifests].map(([tag, manifest]) => ({
      mediaType: mediaTypes.manifest,
      digest: manifest.digest,
      size: sizeOf(manifest),
      platform: { architecture, os: "linux" },
      annotations: { "org.opencontainers.image.ref.name": tag },
    })),
  });
}
