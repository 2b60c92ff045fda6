/**
 * The decision kept beside the image it is about: an OCI artifact whose `subject` is the image (image-spec 1.1,
 * manifest.md), so that `oras discover` and the like find why an image was promoted. Registries without the referrers
 * API, such as distribution 2.8, get the index under the tag `sha256-<hex>` that the specification has for them.
 */
import { z } from "zod";
import { MachineFault } from "../../base/errors.ts";
import { asDigest, type Digest } from "../../base/units.ts";
import { type FoundManifest, type RegistryClient, sha256Of } from "./registry-client.ts";

export const decisionMediaType = "application/vnd.bootgate.decision.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";
const emptyType = "application/vnd.oci.empty.v1+json";
const indexTries = 3;

export interface DecisionRecord {
  /** Digest of the artifact's manifest. */
  readonly digest: Digest;
  /** How it is found from the image. */
  readonly foundBy: "referrers-api" | "referrers-tag";
}

export interface RecordRequest {
  readonly subject: FoundManifest;
  /** The text of the decision. */
  readonly decision: Uint8Array<ArrayBuffer>;
  /** RFC 3339. A decision recorded twice is one artifact, so the time is the decision's. */
  readonly decidedAt: string;
}

const encode = (data: unknown): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(JSON.stringify(data)));

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const describeBytes = (mediaType: string, bytes: Uint8Array): Descriptor => ({
  mediaType,
  digest: sha256Of(bytes),
  size: bytes.length,
});

/** Pushes the artifact and makes it findable. Throws MachineFault when the registry does not keep it. */
export async function recordDecision(
  registry: RegistryClient,
  { subject, decision, decidedAt }: RecordRequest,
): Promise<DecisionRecord> {
  const empty = encode({});
  const annotations = { "org.opencontainers.image.created": decidedAt };
  const bytes = encode({
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: decisionMediaType,
    config: { ...describeBytes(emptyType, empty), data: "e30=" },
    layers: [
      {
        ...describeBytes(decisionMediaType, decision),
        annotations: { "org.opencontainers.image.title": "decision.json" },
      },
    ],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
    annotations,
  });
  await registry.putBlob(empty);
  await registry.putBlob(decision);
  const digest = sha256Of(bytes);
  const { headers } = await registry.putManifest(digest, { bytes, mediaType: manifestType });
  // "Pushing Manifests with Subject": a registry that knows referrers says so in its answer.
  if (headers.get("oci-subject") === subject.digest) return { digest, foundBy: "referrers-api" };
  const descriptor = {
    ...describeBytes(manifestType, bytes),
    artifactType: decisionMediaType,
    annotations,
  };
  await addToIndex(registry, subject.digest, descriptor);
  return { digest, foundBy: "referrers-tag" };
}

const referrersIndex = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(z.looseObject({ digest: z.string() })),
});

/** The tag under which the referrers of an image are listed ("Referrers Tag Schema"). */
export const referrersTag = (subject: Digest): string => subject.replace(":", "-");

/** Two writers may overwrite each other's index, so it is read again and the entry put back. */
async function addToIndex(
  registry: RegistryClient,
  subject: Digest,
  descriptor: Descriptor,
): Promise<void> {
  const tag = referrersTag(subject);
  for (let attempt = 0; attempt <= indexTries; attempt++) {
    const still = await registry.manifest(tag);
    const index = still === null ? emptyIndex : readIndex(still, tag);
    if (index.manifests.some(({ digest }) => digest === descriptor.digest)) return;
    if (attempt === indexTries) break;
    const bytes = encode({ ...index, manifests: [...index.manifests, descriptor] });
    await registry.putManifest(tag, { bytes, mediaType: indexType }, { still });
  }
  throw new MachineFault(`The registry does not keep the list of referrers under '${tag}'.`, {
    details: { "not kept": asDigest(descriptor.digest) },
  });
}

const emptyIndex = { schemaVersion: 2 as const, mediaType: indexType, manifests: [] };

function readIndex({ bytes, mediaType }: FoundManifest, tag: string) {
  try {
    if (mediaType === indexType)
      return referrersIndex.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    // Told below, in the same words as for another type.
  }
  throw new MachineFault(`The tag '${tag}' is not a list of referrers; it was left as it is.`, {
    details: { type: mediaType.slice(0, 100) },
  });
}
