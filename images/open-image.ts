/** What every way to an image ends with: an OCI image or a disk file opened, and its digest held against the one that was asked for. */
import { UsageError } from "../harness/base/errors.ts";
import type { Digest } from "../harness/base/units.ts";
import type { BuiltEntry, Catalogue } from "./catalogue.ts";
import { type Architecture, type Image, type OciImage, standInsByLabels } from "./image.ts";
import type { LiveFault } from "./live/kinds.ts";
import { type OpenedDisk, openDiskFile } from "./origins/disk-file.ts";
import type { RemoteOptions } from "./origins/https-request.ts";
import { layoutForm } from "./origins/oci-layout.ts";
import { type OriginOptions, openOci, type PinnedName } from "./origins/open-oci.ts";
import { isRemoteName, type LocatedDisk, locateDisk, shownName } from "./origins/remote-disk.ts";

/** What the builder of the reference OS answers; the same shape as in images/reference/build.ts. */
export interface BuiltImages {
  readonly dir: string;
  readonly ociLayout: string;
  /** Absent where nothing is signed for Secure Boot. */
  readonly secureBootKeys?: string;
  /** Absent where no other kernel was packed. */
  readonly kernelPackages?: string;
  readonly versions: Readonly<
    Record<string, { readonly digest: string; readonly disk: string | null }>
  >;
}
/** Builds versions of an edition of the reference OS, or finds them built. */
export type ReferenceBuilder = (
  versions: readonly string[],
  edition: BuiltEntry["edition"],
  architecture: Architecture,
) => Promise<BuiltImages>;
/** Builds the installer ISO of an image of the reference OS, or finds it built; returns its path. */
export type InstallerBuilder = (carried: OciImage) => Promise<string>;
/** The same of its live medium, with what is wrong with it. */
export type LiveBuilder = (system: OciImage, fault: LiveFault | null) => Promise<string>;

export interface ResolveOptions extends OriginOptions, RemoteOptions {
  readonly catalogue: Catalogue;
  readonly reference: ReferenceBuilder;
  /** Absent: installer ISOs are not built. */
  readonly installer?: InstallerBuilder;
  /** Absent: live media are not built. */
  readonly liveMedium?: LiveBuilder;
  /** What the disk file has to be: `sha256:…`, a file that lists checksums, or its URL. */
  readonly checksum?: string;
  /** Keys that may have signed that list. */
  readonly keyring?: string;
}

/** Throws UsageError where an image is another one than was asked for, by its own digest or that of the index it was found by. */
export function checkDigest(
  name: string,
  expected: Digest,
  { digest, index }: { readonly digest: Digest; readonly index?: Digest },
): void {
  if (expected === digest || expected === index) return;
  throw new UsageError(`The image '${name}' is not the one that was asked for.`, {
    details: { expected, got: digest, index },
  });
}

/** An OCI image without a disk. Throws what `openOci` throws. */
export async function resolveOci(
  name: PinnedName,
  written: string,
  options: ResolveOptions,
): Promise<Image> {
  const { facts, follows, notes, index } = await openOci(name, written, options);
  const { digest, architecture } = facts;
  return {
    name: written,
    digest,
    manifest: digest,
    architecture,
    disk: null,
    oci: layoutForm(facts),
    follows,
    standIns: standInsByLabels(facts.labels),
    ...(index === undefined ? {} : { index }),
    ...(notes.length === 0 ? {} : { notes }),
  };
}

/** A disk by its path or URL. */
export async function openDisk(name: string, options: ResolveOptions): Promise<OpenedDisk> {
  return openLocated(name, await locateDisk(name, options), options);
}

/** A disk that was located. */
export async function openLocated(
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
