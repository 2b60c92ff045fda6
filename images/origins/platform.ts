/**
 * The documents that name an image: a manifest, or an index (Docker: manifest list) of one manifest for each platform
 * (image-spec: manifest.md, image-index.md; distribution: manifest-v2-2.md). Pure: bytes in, facts out. What bootgate
 * cannot boot or serve is refused here, before gigabytes of it are fetched.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import { type Architecture, ociArchitecture } from "../image.ts";
import { blobDescriptor, dockerManifest } from "./oci-layout.ts";

const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

const configTypes = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
/** Layers that registries, skopeo and bootc take. `zstd:chunked` is `tar+zstd` with annotations. */
const layerTypes = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd",
];

const instance = blobDescriptor.extend({
  platform: z
    .object({ architecture: z.string(), os: z.string(), variant: z.string().optional() })
    .optional(),
});
const common = { schemaVersion: z.literal(2), mediaType: z.string().optional() };
const manifestDocument = z.object({
  ...common,
  config: blobDescriptor,
  layers: z.array(blobDescriptor).max(10_000),
});
const indexDocument = z.object({ ...common, manifests: z.array(instance).max(10_000) });
const configDocument = z.object({ architecture: z.string(), os: z.string() });

export type Blob = z.output<typeof blobDescriptor>;
export type Instance = z.output<typeof instance>;

export interface Manifest {
  readonly kind: "manifest";
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}
export interface Index {
  readonly kind: "index";
  readonly digest: Digest;
  readonly instances: readonly Instance[];
}

/** sha256 of some bytes. */
export const digestOfBytes = (bytes: Uint8Array): Digest =>
  asDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);

/** Reads a manifest or an index. Throws UsageError for anything else, and for an image that cannot be taken. */
export function readManifest(bytes: Uint8Array, name: string): Manifest | Index {
  const data = parseJson(bytes, name);
  const type =
    typeof data === "object" && data !== null && "mediaType" in data ? data.mediaType : undefined;
  const digest = digestOfBytes(bytes);
  const index = indexDocument.safeParse(data);
  if (index.success && (type === undefined || type === ociIndex || type === dockerList)) {
    return { kind: "index", digest, instances: index.data.manifests };
  }
  const read = manifestDocument.safeParse(data);
  if (!read.success || (type !== undefined && type !== ociManifest && type !== dockerManifest)) {
    const seen = typeof type === "string" ? type : isOldForm(data) ? "Docker schema 1" : undefined;
    throw new UsageError(`'${name}' is not an image that can be taken.`, {
      details: {
        "media type": seen?.slice(0, 200),
        reason: read.success ? undefined : z.prettifyError(read.error).slice(0, 1000),
        expected: "a manifest or an index of OCI, or of Docker's version 2",
      },
    });
  }
  const { config, layers } = read.data;
  refuseParts(name, config, layers);
  const isDocker =
    type === dockerManifest || (type === undefined && config.mediaType === configTypes[1]);
  const mediaType = isDocker ? dockerManifest : ociManifest;
  return { kind: "manifest", bytes, digest, mediaType, config, layers };
}

const isOldForm = (data: unknown): boolean =>
  typeof data === "object" && data !== null && "schemaVersion" in data && data.schemaVersion === 1;

function refuseParts(name: string, config: Blob, layers: readonly Blob[]): void {
  if (!configTypes.includes(config.mediaType)) {
    throw new UsageError(
      `'${name}' is not the image of a system but something else at a registry.`,
      {
        details: { "config type": config.mediaType.slice(0, 200) },
      },
    );
  }
  const other = layers.find(({ mediaType }) => !layerTypes.includes(mediaType));
  if (other === undefined) return;
  const isForeign = /foreign|nondistributable/.test(other.mediaType);
  const isEncrypted = /\+encrypted$/.test(other.mediaType);
  const why = isForeign
    ? "its bytes are not kept with the image"
    : isEncrypted
      ? "it is encrypted"
      : "nothing here can unpack it";
  throw new UsageError(`A layer of '${name}' is of a kind that cannot be taken: ${why}.`, {
    details: { layer: other.digest, "media type": other.mediaType.slice(0, 200) },
  });
}

/** Whether something is said to be for Linux on this architecture. */
export const isFor = (
  { platform }: Pick<Instance, "platform">,
  architecture: Architecture,
): boolean => platform?.os === "linux" && platform.architecture === ociArchitecture[architecture];

/**
 * The manifest of an index that is for Linux on this architecture. Throws UsageError that names those there are.
 * `isPinnable`: one of them can be had by its digest.
 */
export function chooseInstance(
  index: Pick<Index, "instances">,
  architecture: Architecture,
  name: string,
  isPinnable = true,
): Instance {
  const wanted = ociArchitecture[architecture];
  const found = index.instances.find((one) => isFor(one, architecture));
  if (found !== undefined) return found;
  // A build's own notes beside its images are for the platform unknown/unknown (docs.docker.com: attestation storage).
  const there = index.instances.flatMap(({ platform, digest }) =>
    platform === undefined
      ? [`for nothing that it names: ${digest}`]
      : platform.os === "unknown"
        ? []
        : [`${platform.os}/${platform.architecture} ${digest}`],
  );
  throw new UsageError(`'${name}' is not there for ${architecture} (linux/${wanted}).`, {
    details: {
      "there are": there.slice(0, 20).join("\n").slice(0, 2000) || "no images",
      "to do": adviceFor(index, isPinnable),
    },
  });
}

/** How one of those that there are can be had, where bootgate may boot it. */
function adviceFor({ instances }: Pick<Index, "instances">, isPinnable: boolean): string {
  const known = (["x86_64", "aarch64"] as const).find((one) =>
    instances.some((instance) => isFor(instance, one)),
  );
  const isBootable =
    known !== undefined || instances.some(({ platform }) => platform === undefined);
  const byDigest = isPinnable && isBootable ? ["name one of them by its digest (@sha256:…)"] : [];
  const byName = known === undefined ? [] : [`--architecture ${known}`];
  const words = [...byName, ...byDigest].join(", or ");
  return words === "" ? "build the image for this architecture too" : words;
}

/** What every report says of an image that an index was named for; null: the image itself was named. */
export const indexFacts = (
  index: Digest | null,
  architecture: Architecture,
): { readonly index?: Digest; readonly notes: readonly string[] } => {
  if (index === null) return { notes: [] };
  const note = `An index was named (${index}): its image for ${architecture} is what is tested, and that image alone can be promoted.`;
  return { index, notes: [note] };
};

/**
 * Holds an image to what it was chosen by. `listed`: the architecture that an index, or a layout, says of it; null: nothing
 * was chosen. Throws UsageError where its own configuration says another one: whose word is wrong, nobody can tell here.
 */
export function requireListed(
  listed: { readonly by: "index" | "layout"; readonly architecture: Architecture } | null,
  { digest, architecture }: { readonly digest: Digest; readonly architecture: Architecture },
  name: string,
): void {
  if (listed === null || listed.architecture === architecture) return;
  const [says, is] = [ociArchitecture[listed.architecture], ociArchitecture[architecture]];
  throw new UsageError(
    `The ${listed.by} '${name}' says that an image of it is for linux/${says}; the configuration of that image says linux/${is}.`,
    {
      details: {
        image: digest,
        "to do": "have it built for the platform that it is listed for, or list it for its own",
      },
    },
  );
}

/** The architecture by the image's own configuration. Throws UsageError for one that bootgate does not boot. */
export function architectureOfConfig(bytes: Uint8Array, name: string): Architecture {
  const read = configDocument.safeParse(parseJson(bytes, name));
  if (!read.success) {
    throw new UsageError(`The configuration of '${name}' is malformed.`, {
      details: { reason: z.prettifyError(read.error).slice(0, 1000) },
    });
  }
  const { architecture, os } = read.data;
  if (os !== "linux") {
    throw new UsageError(`'${name}' is for '${os.slice(0, 50)}', not for Linux.`);
  }
  if (architecture === "amd64") return "x86_64";
  if (architecture === "arm64") return "aarch64";
  throw new UsageError(
    `'${name}' is for the architecture '${architecture.slice(0, 50)}'; bootgate boots amd64 and arm64.`,
  );
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new UsageError(`What '${name}' stands for is not JSON, so it is not an image.`, {
      cause,
    });
  }
}
