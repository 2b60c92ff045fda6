/**
 * From the name that a person typed to an image with a digest, before anything boots: a catalogue name, a disk file
 * (also compressed), or an OCI image wherever it is kept (`origins/image-name.ts`); each may be pinned by `@sha256:…`.
 */

import { resolve } from "node:path";
import { HostUnfit, retell, UsageError } from "../harness/base/errors.ts";
import { exists } from "../harness/base/exists.ts";
import { asDigest, type Digest } from "../harness/base/units.ts";
import { didYouMean } from "../harness/config/nearest.ts";
import { type BuiltEntry, type Catalogue, type FilesEntry, imageNames } from "./catalogue.ts";
import type { Image } from "./image.ts";
import { architectureOf } from "./inspect/architecture.ts";
import { isIso } from "./inspect/disk-kind.ts";
import { readHead } from "./inspect/disk-reader.ts";
import { resolveIso } from "./iso/resolve-iso.ts";
import { type OpenedDisk, openDiskFile } from "./origins/disk-file.ts";
import type { RemoteOptions } from "./origins/https-request.ts";
import { type ImageName, type OciName, parseImageName, splitPin } from "./origins/image-name.ts";
import { readOciImage } from "./origins/oci-layout.ts";
import { type OpenedOci, type OriginOptions, openOci } from "./origins/open-oci.ts";
import { isRemoteName, type LocatedDisk, locateDisk, shownName } from "./origins/remote-disk.ts";

/** What the builder of the reference OS answers; the same shape as in images/reference/build.ts. */
export interface BuiltImages {
  readonly dir: string;
  readonly ociLayout: string;
  readonly versions: Readonly<
    Record<string, { readonly digest: string; readonly disk: string | null }>
  >;
}
/** Builds versions of the reference OS, or finds them built. */
export type ReferenceBuilder = (versions: readonly string[]) => Promise<BuiltImages>;

export interface ResolveOptions extends OriginOptions, RemoteOptions {
  readonly catalogue: Catalogue;
  readonly reference: ReferenceBuilder;
  /** What the disk file has to be: `sha256:…`, a file that lists checksums, or its URL. */
  readonly checksum?: string;
  /** Keys that may have signed that list. */
  readonly keyring?: string;
}

/** Throws UsageError for an unknown name, a bad file, or a digest that is not the pinned one, and what `openOci` throws. */
export async function resolveImage(name: string, options: ResolveOptions): Promise<Image> {
  const parsed = await parseName(name, options);
  if (options.checksum !== undefined && parsed.kind !== "disk") {
    throw new UsageError(
      `'${name.slice(0, 200)}' is not a disk file, so it does not have a checksum.`,
    );
  }
  const image = { ...(await resolveParsed(parsed, name, options)), name: shownName(name) };
  if (parsed.pin !== null) checkDigest(shownName(name), parsed.pin, image.digest);
  return image;
}

async function parseName(name: string, { cwd, catalogue }: ResolveOptions): Promise<ImageName> {
  if (isRemoteName(name)) {
    const { plain, pin } = splitPin(name);
    return { kind: "disk", path: plain, pin };
  }
  const isThere = await exists(resolve(cwd, splitPin(name).plain));
  const entries = Object.keys(catalogue.images);
  return parseImageName(name, { entries, names: imageNames(catalogue), isThere });
}

/**
 * A disk file and the OCI image that was installed on it, each by its own words: what a catalogue entry with both says.
 * The manifest's digest is the identity then, and what bootc has to report. Throws UsageError as `resolveImage` does,
 * for a name that is not a disk file, and for a disk that is for another architecture than the OCI image.
 */
export async function resolvePair(
  name: string,
  ociName: string,
  options: ResolveOptions,
): Promise<Image> {
  const named = await parseName(name, options);
  if (named.kind !== "disk") {
    throw new UsageError(
      `'${name.slice(0, 200)}' is not a disk file; an OCI image can only be named beside one.`,
      { details: { "oci image": ociName.slice(0, 200) } },
    );
  }
  const opened = await openNamedOci(ociName, options);
  const oci = opened.facts;
  const { disk, facts } = await openDisk(named.path, options);
  if (named.pin !== null) checkDigest(name, named.pin, disk.digest);
  const told = facts.architecture ?? oci.architecture;
  if (told !== oci.architecture) {
    throw new UsageError(
      `The disk '${name}' is for ${told}, the OCI image '${ociName}' for ${oci.architecture}; they are not one image.`,
    );
  }
  const { digest, architecture, layout, tag } = oci;
  return {
    name: shownName(name),
    digest,
    manifest: digest,
    architecture,
    disk,
    oci: { layout, tag },
    follows: opened.follows,
    standIns: [],
    notes: [...facts.notes, ...opened.notes],
  };
}

/** An OCI image by its name alone. Throws UsageError for a name that stands for something else. */
async function openNamedOci(name: string, options: ResolveOptions): Promise<OpenedOci> {
  const parsed = await parseName(name, options).catch((error: unknown) => {
    throw error instanceof UsageError
      ? retell(error, {
          headline:
            "For the OCI image of a disk is expected oci:DIR:TAG, or a reference at a registry.",
        })
      : error;
  });
  if (parsed.kind === "disk" || parsed.kind === "catalogue") {
    throw new UsageError(
      `'${name.slice(0, 200)}' does not name an OCI image; expected oci:DIR:TAG, or a reference at a registry.`,
    );
  }
  const opened = await openOci(parsed, name, options);
  if (parsed.pin !== null) checkDigest(name, parsed.pin, opened.facts.digest);
  return opened;
}

function checkDigest(name: string, expected: Digest, got: Digest): void {
  if (expected === got) return;
  throw new UsageError(`The image '${name}' is not the one that was asked for.`, {
    details: { expected, got },
  });
}

async function resolveParsed(
  parsed: ImageName,
  name: string,
  options: ResolveOptions,
): Promise<Image> {
  switch (parsed.kind) {
    case "disk":
      return resolveDisk(parsed.path, options);
    case "catalogue":
      return resolveEntry(parsed.entry, parsed.version ?? undefined, options);
    default:
      return resolveOci(parsed, name, options);
  }
}

async function resolveEntry(
  name: string,
  version: string | undefined,
  options: ResolveOptions,
): Promise<Image> {
  const entry = options.catalogue.images[name];
  if (entry?.kind === "reference") return resolveBuilt(name, version, entry, options);
  if (entry !== undefined && version === undefined) return resolveFiles(name, entry, options);
  throw new UsageError(
    `The image '${name}' does not have versions, so ':${version?.slice(0, 100)}' says nothing.`,
  );
}

/** A disk file alone. Which image was installed on it nobody can tell from outside. */
async function resolveDisk(name: string, options: ResolveOptions): Promise<Image> {
  const located = await locateDisk(name, options);
  const { head } = await readHead(located.path);
  if (isIso(head)) return resolveIso(name, located, options);
  const { disk, facts } = await openLocated(name, located, options);
  const { architecture, notes } = architectureOf(shownName(name), facts);
  for (const note of notes) options.onProgress(note);
  return {
    name,
    digest: disk.digest,
    manifest: null,
    architecture,
    disk,
    oci: null,
    follows: null,
    standIns: [],
    notes: [...facts.notes, ...notes],
  };
}

async function resolveBuilt(
  entryName: string,
  version: string | undefined,
  entry: BuiltEntry,
  options: ResolveOptions,
): Promise<Image> {
  const known = entry.versions.map((one) => `${entryName}:${one}`);
  if (version === undefined || !entry.versions.includes(version)) {
    const headline =
      version === undefined
        ? `The image '${entryName}' needs a version`
        : `The image '${entryName}' has no version '${version.slice(0, 100)}'${didYouMean(`${entryName}:${version}`, known)}`;
    throw new UsageError(headline, { details: { versions: known.join(", ") } });
  }
  const built = await options.reference([version]);
  const facts = built.versions[version];
  if (facts === undefined) throw new HostUnfit(`The reference OS was built without '${version}'.`);
  const digest = asDigest(facts.digest);
  return {
    name: `${entryName}:${version}`,
    digest,
    manifest: digest,
    architecture: entry.architecture,
    disk: facts.disk === null ? null : (await openDisk(facts.disk, options)).disk,
    oci: { layout: built.ociLayout, tag: version },
    follows: entry.follows ?? null,
    standIns: entry.standIns,
  };
}

async function resolveFiles(
  name: string,
  entry: FilesEntry,
  options: ResolveOptions,
): Promise<Image> {
  const from = (path: string): string =>
    isRemoteName(path) ? path : resolve(options.catalogue.directory, path);
  const oci =
    entry.oci === undefined ? null : await readOciImage(from(entry.oci.layout), entry.oci.tag);
  const says = `The catalogue says that '${name}' is for ${entry.architecture}`;
  if (oci !== null && oci.architecture !== entry.architecture) {
    throw new UsageError(`${says}; its OCI image is for ${oci.architecture}.`);
  }
  const opened = entry.disk === undefined ? null : await openDisk(from(entry.disk), options);
  const told = opened?.facts.architecture ?? entry.architecture;
  if (told !== entry.architecture) throw new UsageError(`${says}; its disk is for ${told}.`);
  const digest = oci?.digest ?? opened?.disk.digest;
  if (digest === undefined) throw new UsageError(`The image '${name}' has neither disk nor oci.`);
  if (entry.digest !== undefined) checkDigest(name, asDigest(entry.digest), digest);
  return {
    name,
    digest,
    manifest: oci?.digest ?? null,
    architecture: entry.architecture,
    disk: opened?.disk ?? null,
    oci: oci === null ? null : { layout: oci.layout, tag: oci.tag },
    follows: entry.follows ?? null,
    standIns: entry.standIns,
    notes: opened?.facts.notes ?? [],
  };
}

async function resolveOci(name: OciName, written: string, options: ResolveOptions): Promise<Image> {
  const { facts, follows, notes } = await openOci(name, written, options);
  const { digest, architecture, layout, tag } = facts;
  return {
    name: written,
    digest,
    manifest: digest,
    architecture,
    disk: null,
    oci: { layout, tag },
    follows,
    standIns: [],
    ...(notes.length === 0 ? {} : { notes }),
  };
}

/** A disk by its path or URL. */
async function openDisk(name: string, options: ResolveOptions): Promise<OpenedDisk> {
  return openLocated(name, await locateDisk(name, options), options);
}

async function openLocated(
  name: string,
  { path, notes }: LocatedDisk,
  options: ResolveOptions,
): Promise<OpenedDisk> {
  const opened = await openDiskFile(path, {
    ...options,
    ...(isRemoteName(name) ? { calls: shownName(name) } : {}),
  });
  return { ...opened, facts: { ...opened.facts, notes: [...notes, ...opened.facts.notes] } };
}
