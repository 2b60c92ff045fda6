/**
 * What an image at a registry is, without fetching its layers: gigabytes are not needed to read two documents. Everything
 * else that a name can stand for is resolved as ever.
 */
import { z } from "zod";
import { UsageError } from "../harness/base/errors.ts";
import type { Digest } from "../harness/base/units.ts";
import { type Architecture, hostArchitecture, standInsByLabels } from "./image.ts";
import type { ResolveOptions } from "./open-image.ts";
import { peekOci } from "./origins/open-oci.ts";
import { architectureOfConfig, type Blob, indexFacts } from "./origins/platform.ts";
import { followedAs, type RegistryReference } from "./origins/reference.ts";
import { parseName } from "./resolve.ts";
import { findEntry, ociNameOf } from "./resolve-entry.ts";

const configDocument = z.object({
  created: z.string().nullish(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

export interface PeekedImage {
  readonly name: string;
  readonly digest: Digest;
  readonly architecture: Architecture;
  readonly follows: string;
  readonly standIns: readonly string[];
  readonly index?: Digest;
  readonly notes: readonly string[];
  readonly mediaType: string;
  /** As the image says, RFC 3339; null where it does not. */
  readonly created: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly layers: readonly Blob[];
}

/** Null for what is not at a registry, and for what is in the store. Throws UsageError and HostUnfit as `resolveImage`. */
export async function peekImage(
  name: string,
  options: ResolveOptions,
): Promise<PeekedImage | null> {
  const reference = await referenceOf(name, options);
  const peeked = reference === null ? null : await peekOci(reference, name, options);
  if (reference === null || peeked === null) return null;
  const { manifest, config, index } = peeked;
  const architecture = architectureOfConfig(config, name);
  const read = configDocument.safeParse(JSON.parse(new TextDecoder().decode(config)));
  if (!read.success)
    throw new UsageError(`The configuration of '${name}' is malformed.`, {
      details: { why: z.prettifyError(read.error) },
    });
  const { data: said } = read;
  const labels = said.config?.Labels ?? {};
  return {
    name,
    digest: manifest.digest,
    architecture,
    follows: followedAs(reference),
    standIns: standInsByLabels(labels),
    ...indexFacts(index, options.architecture ?? hostArchitecture()),
    mediaType: manifest.mediaType,
    created: said.created ?? null,
    labels,
    layers: manifest.layers,
  };
}

async function referenceOf(
  name: string,
  options: ResolveOptions,
): Promise<RegistryReference | null> {
  const parsed = await parseName(name, options);
  if (parsed.kind === "registry") return parsed.reference;
  if (parsed.kind !== "catalogue") return null;
  const version = parsed.version ?? undefined;
  const entry = findEntry(parsed.entry, version, options);
  if (entry.kind !== undefined && entry.kind !== "oci") return null;
  const [listed] = ociNameOf(entry, version ?? "");
  return listed.kind === "registry" ? listed.reference : null;
}
