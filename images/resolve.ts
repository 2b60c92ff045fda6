/**
 * From the name that a person typed to an image with a digest, before anything boots: a catalogue name, a disk file
 * (also compressed), or `oci:DIR:TAG`; each may be pinned by `@sha256:…`.
 */

import { resolve } from "node:path";
import { HostUnfit, UsageError } from "../harness/base/errors.ts";
import { exists } from "../harness/base/exists.ts";
import { asDigest, type Digest, isDigest } from "../harness/base/units.ts";
import { didYouMean } from "../harness/config/nearest.ts";
import { type BuiltEntry, type Catalogue, type FilesEntry, imageNames } from "./catalogue.ts";
import type { Architecture, DiskImage, FoundImage, Image } from "./image.ts";
import { architectureOfName, requireSupported } from "./inspect/architecture.ts";
import { type DiskFacts, inspectDisk } from "./inspect/disk.ts";
import { compressionOf } from "./inspect/disk-kind.ts";
import { readHead } from "./inspect/disk-reader.ts";
import { digestOfFile } from "./inspect/file-digest.ts";
import { type OciImageFacts, readOciImage } from "./origins/oci-layout.ts";
import { unpackDisk } from "./origins/unpack.ts";

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

export interface ResolveOptions {
  readonly catalogue: Catalogue;
  /** Where unpacked disks and digests are kept. */
  readonly cacheDir: string;
  /** What relative paths on the command line start from. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  readonly reference: ReferenceBuilder;
}

/** Throws UsageError for an unknown name, a bad file, or a digest that is not the pinned one. */
export async function resolveImage(name: string, options: ResolveOptions): Promise<FoundImage> {
  const { plain, pin } = splitPin(name);
  const image = { ...(await resolvePlain(plain, options)), name };
  if (pin !== null) checkDigest(plain, pin, image.digest);
  return image;
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
  const { plain, pin } = splitPin(name);
  const named = splitPin(ociName);
  if (isLayoutName(plain) || Object.hasOwn(options.catalogue.images, plain.split(":")[0] ?? "")) {
    throw new UsageError(
      `'${name.slice(0, 200)}' is not a disk file; an OCI image can only be named beside one.`,
      { details: { "oci image": ociName.slice(0, 200) } },
    );
  }
  const oci = await readLayout(named.plain, options);
  if (named.pin !== null) checkDigest(named.plain, named.pin, oci.digest);
  const { disk, facts } = await openDisk(resolve(options.cwd, plain), options);
  if (pin !== null) checkDigest(plain, pin, disk.digest);
  const told = facts.architecture ?? oci.architecture;
  if (told !== oci.architecture) {
    throw new UsageError(
      `The disk '${name}' is for ${told}, the OCI image '${ociName}' for ${oci.architecture}; they are not one image.`,
    );
  }
  const { digest, architecture, layout, tag } = oci;
  return {
    name,
    digest,
    manifest: digest,
    architecture,
    disk,
    oci: { layout, tag },
    follows: null,
    standIns: [],
    notes: facts.notes,
  };
}

function splitPin(name: string): { readonly plain: string; readonly pin: Digest | null } {
  const match = /^(.+)@(sha256:[^/]*)$/s.exec(name);
  const [, plain = name, pin] = match ?? [];
  if (pin === undefined) return { plain, pin: null };
  if (isDigest(pin)) return { plain, pin };
  throw new UsageError(
    `'${pin.slice(0, 100)}' is not a digest; expected sha256: and 64 hex digits.`,
  );
}

function checkDigest(name: string, expected: Digest, got: Digest): void {
  if (expected === got) return;
  throw new UsageError(`The image '${name}' is not the one that was asked for.`, {
    details: { expected, got },
  });
}

async function resolvePlain(name: string, options: ResolveOptions): Promise<FoundImage> {
  const [entryName = "", version] = name.split(/:(.*)/s);
  const entry = Object.hasOwn(options.catalogue.images, entryName)
    ? options.catalogue.images[entryName]
    : undefined;
  if (entry?.kind === "reference") return resolveBuilt(entryName, version, entry, options);
  if (entry !== undefined && version === undefined) return resolveFiles(name, entry, options);
  if (isLayoutName(name)) return resolveLayout(name, options);
  const path = resolve(options.cwd, name);
  const isThere = await exists(path);
  if (isThere || /\/|\.(qcow2|raw|img|xz|zst|gz)$/.test(name)) return resolveDisk(name, options);
  const known = imageNames(options.catalogue);
  throw new UsageError(
    `There is no image '${name.slice(0, 200)}', in the catalogue or as a file${didYouMean(name, known)}`,
    { details: { catalogue: known.join(", ") } },
  );
}

/** A disk file alone. Which image was installed on it nobody can tell from outside. */
async function resolveDisk(name: string, options: ResolveOptions): Promise<FoundImage> {
  const { disk, facts } = await openDisk(resolve(options.cwd, name), options);
  // The disk's own word, then its name's.
  const told = facts.architecture ?? architectureOfName(name);
  return {
    name,
    digest: disk.digest,
    manifest: null,
    architecture: told === null ? null : requireSupported(told, name),
    disk,
    oci: null,
    follows: null,
    standIns: [],
    notes: facts.notes,
  };
}

/**
 * The image with an architecture, as whatever boots it has to know. `wished` is what a person says of images that do not say
 * it themselves. Throws UsageError where nobody says it, and where image and person disagree.
 */
export function withArchitecture(image: FoundImage, wished: Architecture | undefined): Image {
  const { name, architecture: told } = image;
  const architecture = told ?? wished;
  if (architecture === undefined) {
    throw new UsageError(
      `Nothing says for which architecture the disk '${name}' is: not its partitions, its boot loader, its kernel or its name.`,
      {
        details: {
          "to do": "say it: --architecture x86_64 or --architecture aarch64",
          or: "name its OCI image beside it, give it a catalogue entry, or an architecture in its name (disk.x86_64.qcow2)",
        },
      },
    );
  }
  if (wished !== undefined && wished !== architecture) {
    throw new UsageError(`The image '${name}' is for ${architecture}, not for ${wished}.`);
  }
  return { ...image, architecture };
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
  const from = (path: string): string => resolve(options.catalogue.directory, path);
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

const isLayoutName = (name: string): boolean => name.startsWith("oci:");

async function readLayout(name: string, { cwd }: ResolveOptions): Promise<OciImageFacts> {
  const rest = isLayoutName(name) ? name.slice("oci:".length) : "";
  const cut = rest.lastIndexOf(":");
  if (cut < 1 || cut === rest.length - 1) {
    throw new UsageError(
      `'${name.slice(0, 200)}' does not name an OCI image; expected oci:DIR:TAG.`,
    );
  }
  return readOciImage(resolve(cwd, rest.slice(0, cut)), rest.slice(cut + 1));
}

async function resolveLayout(name: string, options: ResolveOptions): Promise<Image> {
  const { digest, architecture, layout, tag } = await readLayout(name, options);
  return {
    name,
    digest,
    manifest: digest,
    architecture,
    disk: null,
    oci: { layout, tag },
    follows: null,
    standIns: [],
  };
}

/** A disk file, unpacked where it is compressed. The digest is that of the file as it was given. */
async function openDisk(
  path: string,
  options: ResolveOptions,
): Promise<{ readonly disk: DiskImage; readonly facts: DiskFacts }> {
  const { head } = await readHead(path);
  const compression = compressionOf(head);
  const { cacheDir, signal, onProgress } = options;
  const inspected = async (): Promise<DiskFacts> => {
    if (compression === null) return inspectDisk(path, { signal });
    const unpacked = await unpackDisk(
      {
        path,
        compression,
        digest: await digestOfFile(path, cacheDir, signal),
        cacheDir,
        signal,
        onProgress,
      },
      (draft) => inspectDisk(draft, { packedIn: path, signal }),
    );
    return inspectDisk(unpacked, { packedIn: path, signal });
  };
  const facts = await inspected();
  const digest = await digestOfFile(path, cacheDir, signal);
  const { path: absolute, format, stamp, sectorBytes } = facts;
  return { disk: { path: absolute, format, digest, stamp, sectorBytes }, facts };
}
