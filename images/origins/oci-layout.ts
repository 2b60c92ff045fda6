/**
 * Reads an OCI image layout (opencontainers/image-spec, image-layout.md): which manifest a tag names, for which
 * architecture, and of what blobs. Documents are checked against their digests, so what is said here is what a registry
 * that serves the layout will say; layers are only checked for being there, since the copy to a registry hashes them.
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import { didYouMean } from "../../harness/config/nearest.ts";
import { decodeText, readSmallFile } from "../../harness/config/read-small-file.ts";
import type { Architecture, OciImage } from "../image.ts";

const maxDocumentBytes = 4 * 1024 * 1024;

export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

/** Manifests that registries and bootc take: OCI, and Docker's own form of before. */
const manifestTypes = ["application/vnd.oci.image.manifest.v1+json", dockerManifest];

const indexTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

/** What every descriptor has (opencontainers/image-spec, descriptor.md). */
export const blobDescriptor = z.object({
  mediaType: z.string(),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .transform(asDigest),
  size: z.number().int().nonnegative(),
});
const platform = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
});
const descriptor = blobDescriptor.extend({
  annotations: z.record(z.string(), z.string()).optional(),
  // What is malformed here says nothing; the image's own configuration decides.
  platform: platform.optional().catch(undefined),
});
const layoutFile = z.object({ imageLayoutVersion: z.string() });
const indexFile = z.object({ manifests: z.array(descriptor) });
const manifestFile = z.object({
  mediaType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor),
});
const configFile = z.object({
  architecture: z.string(),
  os: z.string(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

export interface OciBlob {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface OciImageFacts {
  readonly layout: string;
  readonly tag: string;
  /** Digest of the manifest: the image's identity. */
  readonly digest: Digest;
  readonly mediaType: string;
  /** The manifest's very bytes, as they are to be pushed. */
  readonly manifest: Uint8Array<ArrayBuffer>;
  readonly architecture: Architecture;
  readonly labels: Readonly<Record<string, string>>;
  readonly config: OciBlob;
  readonly layers: readonly OciBlob[];
}

/** The image that `tag` names in the layout at `layout`. Throws UsageError for what is missing, malformed or not what its digest says. */
export async function readOciImage(layout: string, tag: string): Promise<OciImageFacts> {
  const found = findTag(await readIndex(layout), layout, tag);
  const manifestBytes = await readBlob(layout, found, "manifest");
  const manifestPath = blobPath(layout, found.digest);
  const manifest = parseDocument(manifestBytes, manifestPath, "manifest", manifestFile);
  const configBytes = await readBlob(layout, manifest.config, "image configuration");
  const configPath = blobPath(layout, manifest.config.digest);
  const config = parseDocument(configBytes, configPath, "image configuration", configFile);
  for (const layer of manifest.layers) await checkLayer(layout, layer);
  return {
    layout,
    tag,
    digest: found.digest,
    mediaType: found.mediaType,
    manifest: new Uint8Array(manifestBytes),
    architecture: architectureOf(config, `${layout}:${tag}`),
    labels: config.config?.Labels ?? {},
    config: manifest.config,
    layers: manifest.layers,
  };
}

/** The whole configuration of an image, parsed from JSON. Throws UsageError where it is not what its digest says. */
export async function readImageConfig({
  layout,
  config,
}: Pick<OciImageFacts, "layout" | "config">): Promise<unknown> {
  const what = "image configuration";
  const bytes = await readBlob(layout, config, what);
  return parseDocument(bytes, blobPath(layout, config.digest), what, z.unknown());
}

/** The form of an image that a layout is. */
export const layoutForm = ({
  layout,
  tag,
  config,
  mediaType,
}: Pick<OciImageFacts, "layout" | "tag" | "mediaType"> & {
  readonly config: Pick<OciBlob, "digest">;
}): OciImage => ({
  layout,
  tag,
  id: config.digest,
  ...(mediaType === dockerManifest ? { hasDockerManifest: true } : {}),
});

/** One image that a layout names. */
export interface LayoutEntry {
  readonly digest: Digest;
  readonly tag: string | null;
  /** It is a list of images, one for each platform. */
  readonly isIndex: boolean;
  readonly mediaType: string;
  readonly size: number;
  /** What the layout says that it is for. */
  readonly platform?: z.output<typeof platform> | undefined;
}

/** All that the layout names, in its order. Throws UsageError for a folder that is not a layout. */
export async function listLayout(layout: string): Promise<readonly LayoutEntry[]> {
  return (await readIndex(layout)).map(toEntry);
}

/** The same of the bytes of an `index.json` that is at `path`. Throws UsageError for what is malformed. */
export const listIndex = (bytes: Uint8Array, path: string): readonly LayoutEntry[] =>
  parseDocument(bytes, path, indexWords, indexFile).manifests.map(toEntry);

const toEntry = ({ digest, mediaType, size, platform, annotations }: Descriptor): LayoutEntry => ({
  digest,
  tag: annotations?.["org.opencontainers.image.ref.name"] ?? null,
  isIndex: indexTypes.includes(mediaType),
  mediaType,
  size,
  platform,
});

const indexWords = "index of the OCI layout";

async function readIndex(layout: string): Promise<readonly Descriptor[]> {
  await readDocument(join(layout, "oci-layout"), "OCI layout marker", layoutFile);
  const path = join(layout, "index.json");
  return (await readDocument(path, indexWords, indexFile)).manifests;
}

/** Where a blob of a layout is. */
export const blobPath = (layout: string, digest: Digest): string =>
  join(layout, "blobs", "sha256", digest.slice("sha256:".length));

type Descriptor = z.output<typeof descriptor>;

function findTag(manifests: readonly Descriptor[], layout: string, tag: string): Descriptor {
  const nameOf = ({ annotations }: Descriptor): string | undefined =>
    annotations?.["org.opencontainers.image.ref.name"];
  const tags = manifests.flatMap((manifest) => nameOf(manifest) ?? []);
  const matching = manifests.filter((manifest) => nameOf(manifest) === tag);
  const [found] = matching;
  if (found === undefined) {
    throw new UsageError(
      `The OCI layout '${layout}' has no tag '${tag.slice(0, 100)}'${didYouMean(tag, tags)}`,
      { details: { tags: tags.slice(0, 50).join(", ") || "none" } },
    );
  }
  if (matching.some(({ digest }) => digest !== found.digest)) {
    throw new UsageError(`The OCI layout '${layout}' has the tag '${tag}' for several images.`);
  }
  if (manifestTypes.includes(found.mediaType)) return found;
  throw new UsageError(
    `The tag '${tag}' of the OCI layout '${layout}' does not name one image but '${found.mediaType.slice(0, 100)}'.`,
    { lookAt: "skopeo copy --override-arch ARCH takes one architecture out of a list" },
  );
}

async function readDocument<S extends z.ZodType>(
  path: string,
  what: string,
  schema: S,
): Promise<z.output<S>> {
  const bytes = await readSmallFile(path, { what, maxBytes: maxDocumentBytes });
  return parseDocument(bytes, path, what, schema);
}

function parseDocument<S extends z.ZodType>(
  bytes: Uint8Array,
  path: string,
  what: string,
  schema: S,
): z.output<S> {
  const malformed = (reason: string, cause?: unknown): UsageError =>
    new UsageError(`The ${what} '${path}' is malformed.`, { cause, details: { reason } });
  let data: unknown;
  try {
    data = JSON.parse(decodeText(bytes, path, what));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw malformed(cause instanceof Error ? cause.message.slice(0, 300) : "it is not JSON", cause);
  }
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw malformed(z.prettifyError(result.error).slice(0, 2000));
}

async function readBlob(layout: string, blob: OciBlob, what: string): Promise<Buffer> {
  const path = blobPath(layout, blob.digest);
  const bytes = await readSmallFile(path, { what, maxBytes: maxDocumentBytes });
  const actual = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (actual === blob.digest) return bytes;
  throw new UsageError(`The ${what} '${path}' is not what its name says: the layout is damaged.`, {
    details: { expected: blob.digest, got: actual },
  });
}

async function checkLayer(layout: string, layer: OciBlob): Promise<void> {
  const path = blobPath(layout, layer.digest);
  const size = await stat(path).then(
    (facts) => facts.size,
    () => null,
  );
  if (size === layer.size) return;
  throw new UsageError(
    `A layer of the OCI layout '${layout}' is ${size === null ? "missing" : "incomplete"}.`,
    {
      details: {
        layer: layer.digest,
        expected: `${layer.size} bytes`,
        got: size === null ? undefined : `${size} bytes`,
      },
    },
  );
}

function architectureOf(
  { architecture: name, os }: z.output<typeof configFile>,
  image: string,
): Architecture {
  if (os !== "linux") {
    throw new UsageError(`The OCI image '${image}' is for '${os.slice(0, 50)}', not for Linux.`);
  }
  if (name === "amd64") return "x86_64";
  if (name === "arm64") return "aarch64";
  throw new UsageError(
    `The OCI image '${image}' is for the architecture '${name.slice(0, 50)}'; bootgate boots amd64 and arm64.`,
  );
}
