/**
 * From the name that a person typed to an image with a digest, before anything boots: a catalogue name, a disk file
 * (also compressed), or an OCI image wherever it is kept (`origins/image-name.ts`); each may be pinned by `@sha256:…`.
 */

import { resolve } from "node:path";
import { retell, UsageError } from "../harness/base/errors.ts";
import { exists } from "../harness/base/exists.ts";
import { imageNames } from "./catalogue.ts";
import { type Architecture, type FoundImage, type Image, standInsByLabels } from "./image.ts";
import { architectureOfName, requireSupported } from "./inspect/architecture.ts";
import { isIso } from "./inspect/disk-kind.ts";
import { readHead } from "./inspect/disk-reader.ts";
import { resolveIso } from "./iso/resolve-iso.ts";
import { withPayload } from "./iso/with-payload.ts";
import { checkDigest, openLocated, type ResolveOptions, resolveOci } from "./open-image.ts";
import { type ImageName, parseImageName, splitPin } from "./origins/image-name.ts";
import { refuseOciImage } from "./origins/oci-by-mistake.ts";
import { layoutForm } from "./origins/oci-layout.ts";
import { type OpenedOci, openOci } from "./origins/open-oci.ts";
import { isRemoteName, locateDisk, shownName } from "./origins/remote-disk.ts";
import { findEntry, resolveEntry } from "./resolve-entry.ts";

export type { BuiltImages, ReferenceBuilder, ResolveOptions } from "./open-image.ts";

/** Throws UsageError for an unknown name, a bad file, or a digest that is not the pinned one, and what `openOci` throws. */
export async function resolveImage(name: string, options: ResolveOptions): Promise<FoundImage> {
  const parsed = await parseName(name, options);
  if (options.checksum !== undefined && parsed.kind !== "disk") {
    throw new UsageError(
      `'${name.slice(0, 200)}' is not a disk file, so it does not have a checksum.`,
    );
  }
  const image = { ...(await resolveParsed(parsed, name, options)), name: shownName(name) };
  if (parsed.pin !== null) checkDigest(shownName(name), parsed.pin, image);
  return image;
}

/** Throws UsageError for a name that cannot be one of an image: no file is opened and nothing is fetched. */
export async function checkName(
  name: string,
  options: Pick<ResolveOptions, "cwd" | "catalogue">,
): Promise<void> {
  const parsed = await parseName(name, options);
  if (parsed.kind === "catalogue") findEntry(parsed.entry, parsed.version ?? undefined, options);
}

/** A name taken apart. Throws UsageError for what it can only be by mistake. */
export async function parseName(
  name: string,
  { cwd, catalogue }: Pick<ResolveOptions, "cwd" | "catalogue">,
): Promise<ImageName> {
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
 * Or an ISO, and the OCI image that it installs. The manifest's digest is the identity then, and what bootc has to report.
 * Throws UsageError as `resolveImage` does, for a name that is neither, and for a disk that is for another architecture
 * than the OCI image.
 */
export async function resolvePair(
  name: string,
  ociName: string,
  options: ResolveOptions,
): Promise<Image> {
  const named = await parseName(name, options);
  if (named.kind !== "disk" && !isInstallerEntry(named, options)) {
    throw new UsageError(
      `'${name.slice(0, 200)}' is not a disk file and not an ISO; an OCI image can only be named beside one.`,
      { details: { "oci image": ociName.slice(0, 200) } },
    );
  }
  const opened = await openNamedOci(ociName, options);
  const oci = opened.facts;
  if (named.kind !== "disk") return withPayload(await resolveImage(name, options), opened, ociName);
  await refuseOci(named.path, options);
  const located = await locateDisk(named.path, options);
  if (isIso((await readHead(located.path)).head)) {
    const iso = { ...(await resolveIso(named.path, located, options)), name: shownName(name) };
    if (named.pin !== null) checkDigest(name, named.pin, iso);
    return withPayload(iso, opened, ociName);
  }
  const { disk, facts } = await openLocated(named.path, located, options);
  if (named.pin !== null) checkDigest(name, named.pin, disk);
  const told = facts.architecture ?? oci.architecture;
  if (told !== oci.architecture) {
    throw new UsageError(
      `The disk '${name}' is for ${told}, the OCI image '${ociName}' for ${oci.architecture}; they are not one image.`,
    );
  }
  const { digest, architecture } = oci;
  return {
    name: shownName(name),
    digest,
    manifest: digest,
    architecture,
    disk,
    oci: layoutForm(oci),
    follows: opened.follows,
    standIns: standInsByLabels(oci.labels),
    ...(opened.index === undefined ? {} : { index: opened.index }),
    notes: [...facts.notes, ...opened.notes],
  };
}

const isInstallerEntry = (named: ImageName, options: ResolveOptions): boolean =>
  named.kind === "catalogue" &&
  findEntry(named.entry, named.version ?? undefined, options).kind === "installer";

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
  const { facts, index } = opened;
  if (parsed.pin !== null)
    checkDigest(name, parsed.pin, {
      digest: facts.digest,
      ...(index === undefined ? {} : { index }),
    });
  return opened;
}

async function resolveParsed(
  parsed: ImageName,
  name: string,
  options: ResolveOptions,
): Promise<FoundImage> {
  switch (parsed.kind) {
    case "disk":
      return resolveDisk(parsed.path, options);
    case "catalogue":
      return resolveEntry(parsed.entry, parsed.version ?? undefined, options);
    default:
      return resolveOci(parsed, name, options);
  }
}

/** What is behind HTTPS is looked at once it is here. */
const refuseOci = async (name: string, { cwd }: ResolveOptions): Promise<void> => {
  if (!isRemoteName(name)) await refuseOciImage(name, cwd);
};

/** A disk file alone. Which image was installed on it nobody can tell from outside. */
async function resolveDisk(name: string, options: ResolveOptions): Promise<FoundImage> {
  await refuseOci(name, options);
  const located = await locateDisk(name, options);
  const { head } = await readHead(located.path);
  if (isIso(head)) return resolveIso(name, located, options);
  const { disk, facts } = await openLocated(name, located, options);
  // The disk's own word, then its name's.
  const told = facts.architecture ?? architectureOfName(shownName(name).replace(/#.*/s, ""));
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
  requireWished(image, wished);
  return { ...image, architecture };
}

/** Throws UsageError where an image says that it is for another architecture than the one that was asked for. */
export function requireWished(
  { name, architecture }: Pick<FoundImage, "name" | "architecture">,
  wished: Architecture | undefined,
): void {
  if (wished === undefined || architecture === null || wished === architecture) return;
  throw new UsageError(`The image '${name}' is for ${architecture}, not for ${wished}.`);
}
