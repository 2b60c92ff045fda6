/**
 * Moves a tag to exactly the image that was judged. skopeo copies the image under its digest, which nobody sees; only
 * then, and only if the tag has not moved, is the tag written, by one request. The distribution specification has no
 * compare-and-swap: between that last look and the write somebody else's write would be lost, unless the registry
 * honours `If-Match` / `If-None-Match`, which are sent.
 */
import { z } from "zod";
import { MachineFault, UsageError } from "../../base/errors.ts";
import { runCommand } from "../../base/process.ts";
import type { Digest } from "../../base/units.ts";
import { type DecisionRecord, recordDecision } from "./record-decision.ts";
import type { TagReference } from "./reference.ts";
import {
  createRegistryClient,
  type FoundManifest,
  type RegistryClient,
} from "./registry-client.ts";

const copyTimeoutMs = 3_600_000;

export interface Promotion {
  /** In skopeo's words, `oci:DIR:TAG` or `docker://NAME@sha256:…`. */
  readonly source: string;
  /** What the source must be: the image that was judged. */
  readonly digest: Digest;
  readonly destination: TagReference;
  /** What the tag must stand for; null: nothing; undefined: what it stands for at the start. */
  readonly expect: Digest | null | undefined;
  readonly decision: Uint8Array<ArrayBuffer>;
  readonly decidedAt: string;
  /** Registries without TLS. */
  readonly plainHttp: boolean;
  /** Credentials, and a folder of certificates, instead of those of containers' tools; for source and destination. */
  readonly authFile?: string | undefined;
  readonly certDir?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Promoted {
  /** What the tag stood for; null: nothing. Equal to the digest when there was nothing to do. */
  readonly before: Digest | null;
  readonly record: DecisionRecord;
}

/**
 * Promotes, or throws and leaves the tag alone: MachineFault when the tag moved or the registry fails, HostUnfit when
 * the copy fails or the registry refuses us. The decision is recorded before the tag is written, so a promoted tag is
 * never without it; after a refusal the image and its record may be there, under their digests.
 */
export async function promoteImage(promotion: Promotion): Promise<Promoted> {
  const { destination, digest, plainHttp, authFile, certDir, signal } = promotion;
  const access = { plainHttp, authFile, certDir, signal };
  const registry = createRegistryClient({ ...destination, ...access });
  const start = await registry.manifest(destination.tag);
  const expected = promotion.expect === undefined ? (start?.digest ?? null) : promotion.expect;
  const isThere = start?.digest === digest;
  if (!isThere) {
    checkUnmoved(destination, start, expected);
    if (promotion.expect === undefined) refuseIndex(destination, start);
    await copyByDigest(promotion);
  }
  const image = await registry.manifest(digest);
  if (image?.digest !== digest)
    throw new MachineFault(`The registry '${destination.host}' does not have what was copied.`, {
      details: { expected: digest, got: image?.digest ?? "nothing" },
    });
  const record = await recordDecision(registry, { ...promotion, subject: image });
  if (!isThere) await moveTag(registry, destination, image, expected);
  return { before: start?.digest ?? null, record };
}

const indexDocument = z.object({
  manifests: z.array(
    z.object({ platform: z.object({ os: z.string(), architecture: z.string() }).optional() }),
  ),
});

/**
 * A tag that stands for images of several architectures would stand for one of them only, and machines of the others would
 * not find theirs any more. What a build leaves beside an image (attestations) has the platform `unknown` and does not count.
 */
function refuseIndex(destination: TagReference, now: FoundManifest | null): void {
  if (now === null || !/(?:image\.index|manifest\.list)\./.test(now.mediaType)) return;
  const platforms = instancesOf(now).flatMap(({ platform }) =>
    platform === undefined || platform.os === "unknown"
      ? []
      : [`${platform.os}/${platform.architecture}`.slice(0, 100)],
  );
  if (new Set(platforms).size < 2) return;
  throw new UsageError(
    `'${nameOf(destination)}' stands for images of several architectures, of which this promotion would leave one.`,
    {
      details: {
        "there are": platforms.slice(0, 20).join(", "),
        "to do": "promote each architecture to a tag of its own, and make the index of those tags",
        or: `say that it is meant: --expect ${now.digest}`,
      },
    },
  );
}

/** What an index lists; nothing where it cannot be read, which is the business of its author. */
function instancesOf({ bytes }: FoundManifest) {
  try {
    return indexDocument.parse(JSON.parse(new TextDecoder().decode(bytes))).manifests;
  } catch {
    return [];
  }
}

async function moveTag(
  registry: RegistryClient,
  destination: TagReference,
  image: FoundManifest,
  expected: Digest | null,
): Promise<void> {
  const still = await registry.manifest(destination.tag);
  checkUnmoved(destination, still, expected);
  const { written } = await registry.putManifest(destination.tag, image, { still });
  const after = await registry.manifest(destination.tag);
  if (!written) throw moved(destination, expected, after);
  if (after?.digest === image.digest) return;
  throw new MachineFault(`'${nameOf(destination)}' does not stand for the promoted image.`, {
    details: { expected: image.digest, got: after?.digest ?? "nothing" },
    lookAt: "somebody else writes this tag at the same time",
  });
}

const nameOf = ({ name, tag }: TagReference): string => `${name}:${tag}`;

function checkUnmoved(
  destination: TagReference,
  now: FoundManifest | null,
  expected: Digest | null,
): void {
  if ((now?.digest ?? null) !== expected) throw moved(destination, expected, now);
}

const moved = (
  destination: TagReference,
  expected: Digest | null,
  now: FoundManifest | null,
): MachineFault =>
  new MachineFault(`The tag '${nameOf(destination)}' moved meanwhile; nothing was promoted.`, {
    details: { expected: expected ?? "absent", got: now?.digest ?? "absent" },
    lookAt: "gate the candidate against what the tag stands for now",
  });

/** Under a digest skopeo refuses any other manifest. Which signatures an image needs is the policy of who runs it, not of the copy. */
async function copyByDigest(promotion: Promotion): Promise<void> {
  const { source, digest, destination, plainHttp, authFile, certDir, signal } = promotion;
  const sides = source.startsWith("docker:") ? ["dest", "src"] : ["dest"];
  const access = sides.flatMap((side) => [
    ...(plainHttp ? [`--${side}-tls-verify=false`] : []),
    ...(authFile === undefined ? [] : [`--${side}-authfile=${authFile}`]),
    ...(certDir === undefined ? [] : [`--${side}-cert-dir=${certDir}`]),
  ]);
  const copy = ["--insecure-policy", "copy", "--quiet", "--preserve-digests", ...access];
  await runCommand("skopeo", [...copy, source, `docker://${destination.name}@${digest}`], {
    signal,
    timeoutMs: copyTimeoutMs,
  });
}
