/**
 * Of which layers an image is made, and what it says that it is based on, by its manifest and configuration alone. Nothing
 * is fetched for it and nothing is concluded here: which images share a base is found where several are compared.
 */
import { z } from "zod";
import { type Digest, isDigest } from "../../harness/base/units.ts";
import type { Image } from "../image.ts";
import { readImageConfig, readOciImage } from "./oci-layout.ts";

/** More layers than container storage takes, and than programs that chunk images make (chunkah: 448). */
const maxLayers = 512;
/** Longest text that is kept of a label. */
const maxText = 200;

/** The keys of image-spec's annotations.md; buildah writes both into the manifest of what it builds on another image. */
const baseName = "org.opencontainers.image.base.name";
const baseDigest = "org.opencontainers.image.base.digest";
const version = "org.opencontainers.image.version";
const revision = "org.opencontainers.image.revision";
/** ostree-ext's (container/encapsulate.rs): the commit that was put into the image, and the last layer that is of it. */
const ostreeCommit = "ostree.commit";
const finalDiffId = "ostree.final-diffid";

export interface ImageLayer {
  /** Digest of its tar: the same content, however it is compressed. */
  readonly diffId: Digest;
  /** Digest of the blob: what a registry and a guest have once. */
  readonly digest: Digest;
  /** Bytes of the blob. */
  readonly size: number;
}

/** What an image says of the image that it was built on; nothing proves it. A label is also of what its base was built on. */
export interface BaseClaim {
  readonly by: "annotation" | "label";
  readonly digest: Digest;
  readonly name?: string;
}

export interface ImageLayers {
  readonly digest: Digest;
  readonly layers: readonly ImageLayer[];
  /**
   * How many of the first layers are one piece: an ostree commit, or the chunks of one root. What has a part of them in common
   * with another image has equal packages, and need not be built on it.
   */
  readonly whole: number;
  readonly claims: readonly BaseClaim[];
  /** The ostree commit that its first layers are; absent where its labels do not fit its layers. */
  readonly commit?: string;
  readonly version?: string;
  readonly revision?: string;
}

const texts = z.record(z.string(), z.string());
const manifestShape = z.object({
  annotations: texts.nullish().catch(null),
  layers: z.array(z.object({ annotations: texts.nullish().catch(null) })),
});
const configShape = z.object({
  config: z.object({ Labels: texts.nullish() }).nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()).min(1).max(maxLayers) }),
  history: z
    .array(
      z.object({ created_by: z.string().nullish(), empty_layer: z.boolean().nullish() }).catch({}),
    )
    .nullish()
    .catch(null),
});

/** What its documents say; null where it has none at hand, or where they do not say of which layers it is. */
export async function readImageLayers({
  oci,
  manifest: identity,
}: Pick<Image, "oci" | "manifest">): Promise<ImageLayers | null> {
  if (oci === null) return null;
  try {
    const facts = await readOciImage(oci.layout, oci.tag);
    if (facts.digest !== identity) return null;
    const manifest = manifestShape.parse(
      JSON.parse(Buffer.from(facts.manifest).toString("utf8")) as unknown,
    );
    const config = configShape.parse(await readImageConfig(facts));
    return layersOf(facts, manifest, config);
  } catch {
    // A report that cannot tell says so. What is wrong with the image is told where it is booted or served.
    return null;
  }
}

function layersOf(
  { digest, layers: blobs }: Awaited<ReturnType<typeof readOciImage>>,
  manifest: z.output<typeof manifestShape>,
  config: z.output<typeof configShape>,
): ImageLayers | null {
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== blobs.length) return null;
  const layers = blobs.flatMap(({ digest: blob, size }, index) => {
    const diffId = diffIds[index] ?? "";
    return isDigest(diffId) ? [{ diffId, digest: blob, size }] : [];
  });
  if (layers.length !== blobs.length) return null;
  const labels = config.config?.Labels ?? {};
  const annotations = manifest.annotations ?? {};
  const ostreeEnd = diffIds.indexOf(labels[finalDiffId] ?? "") + 1;
  const commit = labels[ostreeCommit] ?? "";
  const chunks = Math.max(chunksByLayer(manifest), chunksByHistory(config, layers.length));
  return {
    digest,
    layers,
    whole: Math.max(ostreeEnd, chunks),
    claims: [...claimsOf(annotations, "annotation"), ...claimsOf(labels, "label")],
    // bootc itself refuses an image whose labels name a layer that it does not have: they were kept when it was chunked again.
    ...(ostreeEnd > 0 && /^[0-9a-f]{64}$/.test(commit) ? { commit } : {}),
    ...textOf("version", labels[version]),
    ...textOf("revision", labels[revision]),
  };
}

const textOf = <Key extends string>(key: Key, text: string | undefined) =>
  (text === undefined || text === "" ? {} : { [key]: text.slice(0, maxText) }) as {
    readonly [K in Key]?: string;
  };

function claimsOf(said: Readonly<Record<string, string>>, by: BaseClaim["by"]): BaseClaim[] {
  const digest = said[baseDigest];
  // A name alone is a tag, and a tag stands for another image each week.
  if (digest === undefined || !isDigest(digest)) return [];
  return [{ by, digest, ...textOf("name", said[baseName]) }];
}

/** Behind the last layer that a program says is a piece of a root: chunkah (ocibuilder.rs), rpm-ostree's build-chunked-oci. */
const chunksByLayer = ({ layers }: z.output<typeof manifestShape>): number =>
  1 +
  layers.findLastIndex(({ annotations }) =>
    Object.keys(annotations ?? {}).some(
      (key) => key.startsWith("org.chunkah.") || key === "ostree.components",
    ),
  );

/** The same by the image's history, which is kept where annotations of layers are lost. */
function chunksByHistory({ history }: z.output<typeof configShape>, count: number): number {
  const made = (history ?? []).filter(({ empty_layer: isEmpty }) => isEmpty !== true);
  if (made.length !== count) return 0;
  return 1 + made.findLastIndex(({ created_by: by }) => by === "chunkah");
}
