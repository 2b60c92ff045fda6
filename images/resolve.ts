/**
 * From the name that a person typed to an image with a digest, before anything boots: a catalogue name, a disk file
 * (also compressed), or `oci:DIR:TAG`; each may be pinned by `@sha256:…`.
 */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { HostUnfit, UsageError } from "../harness/base/errors.ts";
import { asDigest, type Digest, isDigest } from "../harness/base/units.ts";
import { didYouMean } from "../harness/config/nearest.ts";
import { type BuiltEntry, type Catalogue, type FilesEntry, imageNames } from "./catalogue.ts";
import type { Architecture, DiskImage, Image } from "./image.ts";
import { inspectDisk, readHead } from "./inspect/disk.ts";
import { compressionOf } from "./inspect/disk-kind.ts";
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
export async function resolveImage(name: string, options: ResolveOptions): Promise<Image> {
  const { plain, pin } = splitPin(name);
  const image = { ...(await resolvePlain(plain, options)), name };
  if (pin !== null) checkDigest(plain, pin, image.digest);
  return image;
}

function splitPin(name: string): { readonly plain: string; readonly pin: Digest | null } {
  const match = /^(.+)@(sha256:[^/]*)$/s.exec(name);
  const [, plain = name, pin] = match ?? [];
  if (pin === undefined) return { plain, pin: null };
  if (isDigest(pin)) return { plain, pin };
  throw new UsageError(`'${pin.slice(0, 100)}' is no digest; expected sha256: and 64 hex digits.`);
}

function checkDigest(name: string, expected: Digest, got: Digest): void {
  if (expected === got) return;
  throw new UsageError(`The image '${name}' is not the one that was asked for.`, {
    details: { expected, got },
  });
}

async function resolvePlain(name: string, options: ResolveOptions): Promise<Image> {
  const [entryName = "", version] = name.split(/:(.*)/s);
  const entry = Object.hasOwn(options.catalogue.images, entryName)
    ? options.catalogue.images[entryName]
    : undefined;
  if (entry?.kind === "reference") return resolveBuilt(entryName, version, entry, options);
  if (entry !== undefined && version === undefined) return resolveFiles(name, entry, options);
  if (entryName === "oci" && version !== undefined) return resolveLayout(name, version, options);
  const path = resolve(options.cwd, name);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere || /\/|\.(qcow2|raw|img|xz|zst|gz)$/.test(name)) {
    const { disk, digest } = await openDisk(path, options);
    const architecture = architectureFromName(name);
    return { name, digest, architecture, disk, oci: null, follows: null, standIns: [] };
  }
  const known = imageNames(options.catalogue);
  throw new UsageError(
    `There is no image '${name.slice(0, 200)}', in the catalogue or as a file${didYouMean(name, known)}`,
    { details: { catalogue: known.join(", ") } },
  );
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
  return {
    name: `${entryName}:${version}`,
    digest: asDigest(facts.digest),
    architecture: entry.architecture,
    // Ours, so not looked at for tricks: it may well be an overlay on another version's disk.
    disk: facts.disk === null ? null : { path: facts.disk, format: await formatOf(facts.disk) },
    oci: { layout: built.ociLayout, tag: version },
    follows: entry.follows ?? null,
    standIns: entry.standIns,
  };
}

const formatOf = async (path: string): Promise<DiskImage["format"]> =>
  (await readHead(path)).head.toString("latin1", 0, 4) === "QFI\xfb" ? "qcow2" : "raw";

async function resolveFiles(
  name: string,
  entry: FilesEntry,
  options: ResolveOptions,
): Promise<Image> {
  const from = (path: string): string => resolve(options.catalogue.directory, path);
  const oci =
    entry.oci === undefined ? null : await readOciImage(from(entry.oci.layout), entry.oci.tag);
  if (oci !== null && oci.architecture !== entry.architecture) {
    throw new UsageError(
      `The catalogue says that '${name}' is for ${entry.architecture}; its OCI image is for ${oci.architecture}.`,
    );
  }
  const opened = entry.disk === undefined ? null : await openDisk(from(entry.disk), options);
  const digest = oci?.digest ?? opened?.digest;
  if (digest === undefined) throw new UsageError(`The image '${name}' has neither disk nor oci.`);
  if (entry.digest !== undefined) checkDigest(name, asDigest(entry.digest), digest);
  return {
    name,
    digest,
    architecture: entry.architecture,
    disk: opened?.disk ?? null,
    oci: oci === null ? null : { layout: oci.layout, tag: oci.tag },
    follows: entry.follows ?? null,
    standIns: entry.standIns,
  };
}

async function resolveLayout(name: string, rest: string, options: ResolveOptions): Promise<Image> {
  const cut = rest.lastIndexOf(":");
  if (cut < 1 || cut === rest.length - 1) {
    throw new UsageError(`'${name.slice(0, 200)}' names no OCI image; expected oci:DIR:TAG.`);
  }
  const facts: OciImageFacts = await readOciImage(
    resolve(options.cwd, rest.slice(0, cut)),
    rest.slice(cut + 1),
  );
  const { digest, architecture, layout, tag } = facts;
  return {
    name,
    digest,
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
): Promise<{ readonly disk: DiskImage; readonly digest: Digest }> {
  const { head } = await readHead(path);
  const compression = compressionOf(head);
  const { cacheDir, signal, onProgress } = options;
  if (compression === null) {
    const { path: absolute, format } = await inspectDisk(path, signal);
    const digest = await digestOfFile(path, cacheDir, signal);
    return { disk: { path: absolute, format }, digest };
  }
  const digest = await digestOfFile(path, cacheDir, signal);
  const unpacked = await unpackDisk(
    { path, compression, digest, cacheDir, signal, onProgress },
    (draft) => inspectDisk(draft, signal),
  );
  const { format } = await inspectDisk(unpacked, signal);
  return { disk: { path: unpacked, format }, digest };
}

/** A disk does not say what it is for; its name mostly does. The catalogue can always say it. */
const architectureFromName = (name: string): Architecture =>
  /aarch64|arm64/i.test(name) ? "aarch64" : "x86_64";
