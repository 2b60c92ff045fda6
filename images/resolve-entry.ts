/** From an entry of the catalogue to an image, with what the catalogue says of it. */
import { resolve } from "node:path";
import { HostUnfit, UsageError } from "../harness/base/errors.ts";
import { namedKeys } from "../harness/base/secure-boot-keys.ts";
import { asDigest } from "../harness/base/units.ts";
import { didYouMean } from "../harness/config/nearest.ts";
import {
  type BuiltEntry,
  type CatalogueEntry,
  type FilesEntry,
  type InstallerEntry,
  type OciEntry,
  versionsOf,
  wordOf,
} from "./catalogue.ts";
import { hostArchitecture, type Image, standInsByLabels } from "./image.ts";
import { resolveIso } from "./iso/resolve-iso.ts";
import { namedKernelPackages } from "./kernel-packages.ts";
import { checkDigest, openDisk, type ResolveOptions, resolveOci } from "./open-image.ts";
import { type ImageName, parseImageName } from "./origins/image-name.ts";
import { readOciImage } from "./origins/oci-layout.ts";
import { isRemoteName, type LocatedDisk, locateDisk } from "./origins/remote-disk.ts";

/** Throws UsageError for a version that the entry does not have, and what opening the image throws. */
export async function resolveEntry(
  name: string,
  version: string | undefined,
  options: ResolveOptions,
): Promise<Image> {
  const entry = findEntry(name, version, options);
  const image = await openEntry(name, version ?? "", entry, options);
  const word = wordOf(name, entry);
  const { directory } = options.catalogue;
  const keys = await namedKeys(directory, entry.secureBootKeys);
  const kernel = await namedKernelPackages(directory, entry.kernelPackages);
  return { ...image, ...keys, ...kernel, ...(word === null ? {} : { catalogue: word }) };
}

/** The entry of a name. Throws UsageError where there is none, and as `requireVersion` does. */
export function findEntry(
  name: string,
  version: string | undefined,
  { catalogue }: Pick<ResolveOptions, "catalogue">,
): CatalogueEntry {
  const entry = catalogue.images[name];
  if (entry === undefined)
    throw new UsageError(`The image '${name.slice(0, 100)}' does not exist.`);
  requireVersion(name, version, entry);
  return entry;
}

/** Throws UsageError for a version that the entry does not have, or for none where it has some. */
function requireVersion(name: string, version: string | undefined, entry: CatalogueEntry): void {
  const versions = versionsOf(entry);
  if (versions === null) {
    if (version === undefined) return;
    throw new UsageError(
      `The image '${name}' does not have versions, so ':${version.slice(0, 100)}' says nothing.`,
    );
  }
  if (version !== undefined && versions.includes(version)) return;
  const known = versions.map((one) => `${name}:${one}`);
  const headline =
    version === undefined
      ? `The image '${name}' needs a version`
      : `The image '${name}' has no version '${version.slice(0, 100)}'${didYouMean(`${name}:${version}`, known)}`;
  throw new UsageError(headline, { details: { versions: known.join(", ") } });
}

function openEntry(
  name: string,
  version: string,
  entry: CatalogueEntry,
  options: ResolveOptions,
): Promise<Image> {
  if (entry.kind === "reference") return resolveBuilt(name, version, entry, options);
  if (entry.kind === "files") return resolveFiles(name, entry, options);
  if (entry.kind === "installer") return resolveInstaller(name, entry, options);
  return resolveListed(name, version, entry, options);
}

/** The name of an OCI image that an entry stands for. */
export function ociNameOf({ reference }: OciEntry, version: string): [ImageName, string] {
  const whole = version === "" ? reference : `${reference}:${version}`;
  return [parseImageName(whole, { entries: [], names: [], isThere: false }), whole];
}

/** An OCI image of the catalogue. Throws UsageError where it is for another architecture than the catalogue says. */
async function resolveListed(
  name: string,
  version: string,
  entry: OciEntry,
  options: ResolveOptions,
): Promise<Image> {
  const { architectures, standIns } = entry;
  const [parsed, whole] = ociNameOf(entry, version);
  if (parsed.kind === "disk" || parsed.kind === "catalogue")
    throw new TypeError(`The catalogue let '${whole}' through as an OCI image.`);
  const cwd = options.catalogue.directory;
  const image = await resolveOci(parsed, whole, { ...options, cwd });
  if (parsed.pin !== null) checkDigest(name, parsed.pin, image);
  if (architectures !== undefined && !architectures.includes(image.architecture)) {
    throw new UsageError(
      `The catalogue says that '${name}' is for ${architectures.join(" and ")}; the image is for ${image.architecture}.`,
    );
  }
  return { ...image, standIns: [...new Set([...image.standIns, ...standIns])] };
}

/** An installer ISO. What stands in for real programs is what the entry and the medium say together. */
async function resolveInstaller(
  name: string,
  entry: InstallerEntry,
  options: ResolveOptions,
): Promise<Image> {
  const { architecture, follows, standIns } = entry;
  const found = await resolveIso(name, await locateIso(entry, options), options);
  if (found.architecture !== null && found.architecture !== architecture)
    throw new UsageError(
      `The catalogue says that '${name}' is for ${architecture}; the ISO is for ${found.architecture}.`,
    );
  const all = new Set([...standIns, ...found.standIns]);
  return { ...found, architecture, follows: follows ?? null, standIns: [...all] };
}

async function locateIso(
  { iso, carries, live, fault, ...proof }: InstallerEntry,
  options: ResolveOptions,
): Promise<LocatedDisk> {
  if (iso !== undefined) return locateDisk(addressOf(iso, options), withProof(proof, options));
  const built = live ?? carries ?? "";
  const [entry = "", version] = built.split(":");
  const { oci } = await resolveEntry(entry, version, options);
  const { installer, liveMedium } = options;
  const made =
    oci === null
      ? undefined
      : live === undefined
        ? installer?.(oci)
        : liveMedium?.(oci, fault ?? null);
  if (made === undefined) throw new HostUnfit(`Nothing here builds an ISO of '${built}'.`);
  return { path: await made, notes: [] };
}

/** Where a file is that an entry names: its URL, or its path from the catalogue. */
const addressOf = (named: string, { catalogue }: ResolveOptions): string =>
  isRemoteName(named) ? named : resolve(catalogue.directory, named);

/** With what the entry says that its file has to be; the list and the keys are found from the catalogue. */
function withProof(
  { checksum, keyring }: Pick<FilesEntry, "checksum" | "keyring">,
  options: ResolveOptions,
): ResolveOptions {
  if (checksum === undefined) return options;
  const signed = keyring === undefined ? {} : { keyring };
  return { ...options, checksum, ...signed, cwd: options.catalogue.directory };
}

async function resolveBuilt(
  entryName: string,
  version: string,
  entry: BuiltEntry,
  options: ResolveOptions,
): Promise<Image> {
  const { architectures } = entry;
  const usual = architectures.includes(hostArchitecture()) ? hostArchitecture() : architectures[0];
  const { architecture = usual } = options;
  if (architecture === undefined || !architectures.includes(architecture))
    throw new UsageError(
      `The image '${entryName}:${version}' is built for ${architectures.join(" and ")}, not for ${architecture}.`,
    );
  const built = await options.reference([version], entry.edition, architecture);
  const facts = built.versions[version];
  if (facts === undefined) throw new HostUnfit(`The reference OS was built without '${version}'.`);
  const digest = asDigest(facts.digest);
  return {
    name: `${entryName}:${version}`,
    digest,
    manifest: digest,
    architecture,
    disk: facts.disk === null ? null : (await openDisk(facts.disk, options)).disk,
    oci: { layout: built.ociLayout, tag: version },
    follows: entry.follows ?? null,
    standIns: entry.standIns,
    ...(built.secureBootKeys === undefined ? {} : { secureBootKeys: built.secureBootKeys }),
    ...(built.kernelPackages === undefined ? {} : { kernelPackages: built.kernelPackages }),
  };
}

async function resolveFiles(
  name: string,
  entry: FilesEntry,
  options: ResolveOptions,
): Promise<Image> {
  const oci =
    entry.oci === undefined
      ? null
      : await readOciImage(addressOf(entry.oci.layout, options), entry.oci.tag);
  const says = `The catalogue says that '${name}' is for ${entry.architecture}`;
  if (oci !== null && oci.architecture !== entry.architecture) {
    throw new UsageError(`${says}; its OCI image is for ${oci.architecture}.`);
  }
  const { disk: named } = entry;
  const opened =
    named === undefined
      ? null
      : await openDisk(addressOf(named, options), withProof(entry, options));
  const told = opened?.facts.architecture ?? entry.architecture;
  if (told !== entry.architecture) throw new UsageError(`${says}; its disk is for ${told}.`);
  const digest = oci?.digest ?? opened?.disk.digest;
  if (digest === undefined) throw new UsageError(`The image '${name}' has neither disk nor oci.`);
  if (entry.digest !== undefined) checkDigest(name, asDigest(entry.digest), { digest });
  return {
    name,
    digest,
    manifest: oci?.digest ?? null,
    architecture: entry.architecture,
    disk: opened?.disk ?? null,
    oci: oci === null ? null : { layout: oci.layout, tag: oci.tag, id: oci.config.digest },
    follows: entry.follows ?? null,
    standIns: [...new Set([...standInsByLabels(oci?.labels ?? {}), ...entry.standIns])],
    notes: opened?.facts.notes ?? [],
  };
}
