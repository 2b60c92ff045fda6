/**
 * Configuration and manifest of a derived image, made of the candidate's own: everything that they hold is kept (also
 * what these lines do not know), and layer, version, times and history are added. Pure; equal input gives equal bytes.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import { derivedVersion, layerEntries, type Recipe } from "./rules.ts";
import { storedGzip } from "./stored-gzip.ts";
import { tarOf } from "./tar.ts";

export interface Blob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export interface DerivedDocuments {
  readonly manifest: Blob & { readonly mediaType: string };
  readonly config: Blob;
  readonly layer: Blob;
}

export interface Origin {
  readonly recipe: Recipe;
  /** Digest of the candidate's manifest, and its type by the layout's index. */
  readonly digest: Digest;
  readonly mediaType: string;
  /** The candidate's documents, parsed from JSON. */
  readonly manifest: unknown;
  readonly config: unknown;
  /** Layers between the candidate's and the recipe's own, gzip. */
  readonly between?: readonly BuiltLayer[];
}

/** A layer that is on disk. */
export interface BuiltLayer {
  readonly digest: Digest;
  /** Of the tar in it. */
  readonly diffId: Digest;
  /** Bytes of the gzip. */
  readonly size: number;
  /** What it was made by, for the image's history. */
  readonly words: string;
}

const version = "org.opencontainers.image.version";
const created = "org.opencontainers.image.created";
/** Labels that bootc reads a version from, in its order (ostree-ext/src/container/mod.rs, `version_for_config`). */
const versionLabels = [version, "version"];

const texts = z.record(z.string(), z.string());
const configShape = z.looseObject({
  created: z.string().nullish(),
  config: z.looseObject({ Labels: texts.nullish() }).nullish(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(z.unknown()).nullish(),
});
const manifestShape = z.looseObject({
  config: z.looseObject({ digest: z.string() }),
  layers: z.array(z.unknown()),
  annotations: texts.nullish(),
});

/** Types of a gzip layer by the type of the manifest that names it (image-spec, media-types.md). */
const layerTypes: Readonly<Record<string, string>> = {
  "application/vnd.oci.image.manifest.v1+json": "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.docker.distribution.manifest.v2+json":
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/** The derived image's blobs. Throws UsageError for documents that cannot be added to. */
export function deriveDocuments(origin: Origin): DerivedDocuments {
  const { recipe, mediaType, between = [] } = origin;
  const config = parse(origin, "image configuration", configShape, origin.config);
  const manifest = parse(origin, "manifest", manifestShape, origin.manifest);
  const layerType = layerTypes[mediaType];
  if (layerType === undefined) throw refusal(origin, `its manifest is of type '${mediaType}'`);
  const { length } = config.rootfs.diff_ids;
  if (length !== manifest.layers.length) {
    const reason = `its configuration names ${length} layers, its manifest ${manifest.layers.length}`;
    throw refusal(origin, reason);
  }
  const labels = config.config?.Labels ?? {};
  const was = versionLabels.map((label) => labels[label]).find((value) => value !== undefined);
  const named = derivedVersion(was ?? manifest.annotations?.[version], recipe.name);
  const tar = tarOf(layerEntries({ recipe, from: origin.digest, version: named }));
  const layer = blobOf(storedGzip(tar));
  const newConfig = blobOf(
    JSON.stringify({
      ...config,
      ...moved(config, "created", recipe),
      config: {
        ...config.config,
        Labels: {
          ...labels,
          ...moved(labels, created, recipe),
          ...versioned(labels, named),
          [version]: named,
          ...recipe.labels,
        },
      },
      rootfs: {
        ...config.rootfs,
        diff_ids: [
          ...config.rootfs.diff_ids,
          ...between.map(({ diffId }) => diffId),
          blobOf(tar).digest,
        ],
      },
      ...historyOf(config, recipe, between),
    }),
  );
  const { annotations } = manifest;
  const newManifest = blobOf(
    JSON.stringify({
      ...manifest,
      config: { ...manifest.config, digest: newConfig.digest, size: newConfig.bytes.length },
      layers: [
        ...manifest.layers,
        ...between.map(({ digest, size }) => ({ mediaType: layerType, digest, size })),
        { mediaType: layerType, digest: layer.digest, size: layer.bytes.length },
      ],
      ...(annotations === undefined || annotations === null
        ? {}
        : {
            annotations: {
              ...annotations,
              ...moved(annotations, created, recipe),
              ...versioned(annotations, named),
            },
          }),
    }),
  );
  return { manifest: { ...newManifest, mediaType }, config: newConfig, layer };
}

function parse<S extends z.ZodType>(
  origin: Origin,
  what: string,
  shape: S,
  data: unknown,
): z.output<S> {
  const result = shape.safeParse(data);
  if (result.success) return result.data;
  throw refusal(
    origin,
    `its ${what} is malformed: ${z.prettifyError(result.error).slice(0, 1000)}`,
  );
}

const refusal = ({ digest }: Origin, reason: string): UsageError =>
  new UsageError("No image can be derived from the candidate.", {
    details: { candidate: digest, reason, "to do": "name one (--previous), or say --no-derive" },
  });

function blobOf(content: string | Buffer): Blob {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  return {
    bytes,
    digest: asDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`),
  };
}

const dayMs = 86_400_000;

/** The time under a key, moved by the recipe's days and not before 1970; nothing where there is none that can be read. */
function moved<Key extends string>(
  values: Readonly<Partial<Record<Key, unknown>>>,
  key: Key,
  recipe: Recipe,
): Partial<Record<Key, string>> {
  const value = values[key];
  const was = typeof value === "string" ? Date.parse(value) : Number.NaN;
  const now = was + recipe.days * dayMs;
  if (Number.isNaN(now) || Math.abs(now) > 8.64e15) return {};
  const text = new Date(Math.max(0, now)).toISOString().replace(/\.\d+Z$/, "Z");
  return { [key]: text } as Partial<Record<Key, string>>;
}

/** Keys by which somebody may read the version, where they are there. */
const versioned = (values: Readonly<Record<string, string>>, to: string): Record<string, string> =>
  Object.fromEntries(
    versionLabels.filter((key) => values[key] !== undefined).map((key) => [key, to]),
  );

/** bootc pairs layers with the history's entries and fails where one lacks, so an image without history stays without. */
function historyOf(
  config: z.output<typeof configShape>,
  recipe: Recipe,
  between: readonly BuiltLayer[],
): { readonly history?: readonly unknown[] } {
  const { history } = config;
  if (history === undefined || history === null || history.length === 0) return {};
  const entry = (words: string): object => ({
    ...moved(config, "created", recipe),
    created_by: `bootgate derive: ${words}`,
  });
  return {
    history: [...history, ...between.map(({ words }) => entry(words)), entry(recipe.name)],
  };
}
