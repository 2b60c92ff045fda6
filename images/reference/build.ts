/**
 * Builds the reference OS: a real bootable system from Debian packages in the shape of a bootc image, as one OCI layout
 * and as installed disks. What is slow is cached by its own key: the base tree, the imported base layers, the result.
 */

import { cp, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { type Architecture, consoleWords } from "../image.ts";
import { type BaseTree, provideBase } from "./base-tree.ts";
import { provideBootupd } from "./bootupd.ts";
import { fillSlot, lockSlot, openSlotDraft } from "./cache-slot.ts";
import { referenceContentKey } from "./content-key.ts";
import { makeDisk } from "./disk.ts";
import { buildImages, stageStandin } from "./images.ts";
import { provideOtherKernel } from "./other-kernel.ts";
import { type PackageLayer, providePackageLayer } from "./package-layer.ts";
import { installPackages } from "./package-trees.ts";
import type { ReferencePlatform } from "./platforms.ts";
import { type BuildContext, platformOf, removeAsRoot, runAsRoot, runInTree } from "./privileged.ts";
import type { VersionRecipe } from "./recipe.ts";
import { provideSecureBoot } from "./secure-boot.ts";
import { provideSeed } from "./seed.ts";
import { standMenu } from "./standing-menu.ts";
import { versionRecipes } from "./versions.ts";
import { bootupdRecipes } from "./with-bootupd.ts";
import { dnf5Recipes } from "./with-dnf5.ts";
import { kernelRecipes } from "./with-kernel.ts";
import { podmanRecipes } from "./with-podman.ts";
import { rpmOstreeRecipes } from "./with-rpm-ostree.ts";
import { secureBootRecipes } from "./with-secure-boot.ts";

export { referenceContentKey } from "./content-key.ts";

/** What a build gives. Paths are absolute. */
export interface ReferenceOs {
  readonly dir: string;
  readonly ociLayout: string;
  /** Folder with the certificates that firmware with Secure Boot has to have; absent where nothing is signed. */
  readonly secureBootKeys?: string;
  /** Folder with the RPM packages of another kernel; absent where the edition does not offer one. */
  readonly kernelPackages?: string;
  readonly versions: Record<string, ReferenceVersion>;
}

export interface ReferenceVersion {
  readonly digest: string;
  /** The installed disk (qcow2), or null when it was not asked for or cannot be. */
  readonly disk: string | null;
  readonly description: string;
}

/**
 * What an edition of the reference OS has that others do not: `bootupd` the real bootupd, which takes minutes to build; `dnf5` RPM
 * packages with their database, which want rpmbuild on the host; `rpm-ostree` such packages, a stand-in for rpm-ostree, and the real flatpak; `podman` the real podman;
 * `secure-boot` a boot loader that is signed by keys of its own; `kernel` the packages of another kernel beside those of `dnf5`.
 */
export type Edition =
  | "plain"
  | "bootupd"
  | "dnf5"
  | "rpm-ostree"
  | "podman"
  | "secure-boot"
  | "kernel";

const editions: Readonly<Record<Edition, Readonly<Record<string, VersionRecipe>>>> = {
  plain: versionRecipes,
  bootupd: bootupdRecipes,
  dnf5: dnf5Recipes,
  "rpm-ostree": rpmOstreeRecipes,
  podman: podmanRecipes,
  "secure-boot": secureBootRecipes,
  kernel: kernelRecipes,
};

export interface ReferenceOptions {
  readonly cacheDir: string;
  /** Default: plain. */
  readonly edition?: Edition;
  /** Default: x86_64. */
  readonly architecture?: Architecture;
  /** The versions whose disks are wanted; all that have one by default. */
  readonly versions?: readonly string[];
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The reference that every disk follows. The harness answers at this address inside the guest. */
export const followedReference = "10.0.2.100:5000/os:stable";

/** How a version's disk is installed: its kernel arguments and what it follows. */
const installOptions = (
  { consoleArguments, follows }: VersionRecipe,
  { architecture }: ReferencePlatform,
): string[] => [
  `--target-imgref=${follows ?? followedReference}`,
  ...["root=LABEL=root", "rw", ...(consoleArguments ?? consoleWords(architecture))].map(
    (argument) => `--karg=${argument}`,
  ),
];

const referenceFile = z.strictObject({
  versions: z.record(z.string(), z.strictObject({ digest: z.string(), description: z.string() })),
});

/** Recipes by version, of the edition that is built. */
const recipesOf = ({ edition = "plain" }: Pick<ReferenceOptions, "edition">) => editions[edition];

function wantedDisks(options: Pick<ReferenceOptions, "edition" | "versions">): string[] {
  const { versions } = options;
  const recipes = recipesOf(options);
  const unknown = (versions ?? []).filter((name) => !(name in recipes));
  if (unknown.length > 0) {
    throw new UsageError(`The reference OS has no version '${unknown.join("', '")}'.`, {
      details: { known: Object.keys(recipes).join(" ") },
    });
  }
  return Object.entries(recipes).flatMap(([name, { hasDisk }]) =>
    hasDisk && (versions === undefined || versions.includes(name)) ? [name] : [],
  );
}

const keysName = "keys";
const kernelName = "kernel-packages";
const diskPath = (dir: string, version: string): string => join(dir, "disks", `${version}.qcow2`);

/** Installs a version into a copy of the seed and makes its disk. */
async function buildDisk(
  dir: string,
  [version, recipe]: readonly [string, VersionRecipe],
  parts: { readonly base: BaseTree; readonly seed: string; readonly work: string },
  context: BuildContext,
): Promise<void> {
  const { base, seed, work } = parts;
  const started = Date.now();
  const scratch = join(work, version);
  await mkdir(scratch, { recursive: true });
  await runAsRoot("cp", ["-al", seed, join(scratch, "sysroot")], context);
  const command = [
    "/usr/lib/bootgate-standin/bootc",
    "internals",
    "standin-install",
    `--sysroot=/tmp/${version}/sysroot`,
    `--source=oci:/tmp/oci:${version}`,
    ...installOptions(recipe, base.platform),
  ];
  await runInTree({ tree: base.tree, work, standin: join(work, "standin"), command }, context);
  const target = join(work, `${version}.qcow2`);
  const { grub, platform } = base;
  const { menuStands, sectorBytes } = recipe;
  const sysroot = join(scratch, "sysroot");
  if (menuStands === true) await standMenu({ sysroot, grub, platform, scratch }, context);
  await makeDisk({ sysroot, grub, platform, scratch, target, sectorBytes }, context);
  await rename(target, diskPath(dir, version));
  await removeAsRoot(scratch, context.signal);
  context.onProgress(`disk ${version} ready after ${Math.round((Date.now() - started) / 1000)} s`);
}

async function buildDisks(
  { dir, slot }: { readonly dir: string; readonly slot: string },
  versions: readonly string[],
  options: ReferenceOptions,
): Promise<void> {
  // The seed is for disks only, and an image alone needs none.
  if (versions.length === 0) return;
  const base = await provideBase(options.cacheDir, options);
  const seed = await provideSeed(options.cacheDir, base, options);
  await using draft = await openSlotDraft(slot);
  const work = draft.path;
  await runAsRoot("cp", ["-al", join(dir, "oci"), join(work, "oci")], options);
  await stageStandin(join(work, "standin"));
  // Two at a time: one packs a file system while the other runs ostree.
  const queue = Object.entries(recipesOf(options)).filter(([name]) => versions.includes(name));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await buildDisk(dir, next, { base, seed, work }, options);
  };
  await Promise.all([worker(), worker()]);
}

/** The programs that an edition has of Debian's packages, beside what all have. */
function layerOf({ edition }: Pick<ReferenceOptions, "edition">): PackageLayer | null {
  if (edition === "podman") return "podman";
  return edition === "rpm-ostree" ? "flatpak" : null;
}

async function fillReference(dir: string, slot: string, options: ReferenceOptions): Promise<void> {
  const base = await provideBase(options.cacheDir, options);
  await mkdir(join(dir, "disks"));
  const recipes = recipesOf(options);
  const bootupd =
    options.edition === "bootupd" ? await provideBootupd(options.cacheDir, options) : null;
  const apart = join(dir, "packages");
  const { cacheDir, edition } = options;
  const ownsKernel = edition === "kernel";
  const packages =
    edition === "dnf5" || edition === "rpm-ostree" || ownsKernel
      ? await installPackages(apart, { base, cacheDir, ownsKernel }, options)
      : null;
  const layer = layerOf(options);
  const above =
    layer === null ? [] : [await providePackageLayer(layer, options.cacheDir, base, options)];
  const secureBoot =
    options.edition === "secure-boot"
      ? await provideSecureBoot(options.cacheDir, base, options)
      : null;
  const parts = { base, recipes, bootupd, packages, secureBoot, above };
  const digests = await buildImages(dir, parts, options);
  if (secureBoot !== null) await cp(secureBoot.keys, join(dir, keysName), { recursive: true });
  if (ownsKernel) {
    const kernel = await provideOtherKernel(cacheDir, options);
    await cp(kernel, join(dir, kernelName), { recursive: true });
  }
  if (packages !== null) await removeAsRoot(apart, options.signal);
  const versions = Object.entries(recipes).map(([name, { description }]) => [
    name,
    { digest: digests.get(name), description },
  ]);
  await writeFile(
    join(dir, "reference.json"),
    JSON.stringify({ versions: Object.fromEntries(versions) }, null, 2),
  );
  await buildDisks({ dir, slot }, wantedDisks(options), options);
}

/** Adds disks that an earlier call did not ask for. */
async function addMissingDisks(dir: string, options: ReferenceOptions): Promise<void> {
  const missing = async (): Promise<string[]> => {
    const wanted = wantedDisks(options);
    const there = await Promise.all(wanted.map((name) => exists(diskPath(dir, name))));
    return wanted.filter((_name, index) => there[index] === false);
  };
  if ((await missing()).length === 0) return;
  await using _lock = await lockSlot(dir, options);
  await buildDisks({ dir, slot: dir }, await missing(), options);
}

async function describe(dir: string): Promise<ReferenceOs> {
  const noted = referenceFile.parse(
    JSON.parse(await readFile(join(dir, "reference.json"), "utf8")),
  );
  const versions = await Promise.all(
    Object.entries(noted.versions).map(async ([name, facts]) => {
      const disk = diskPath(dir, name);
      return [name, { ...facts, disk: (await exists(disk)) ? disk : null }] as const;
    }),
  );
  const keys = join(dir, keysName);
  const kernel = join(dir, kernelName);
  return {
    ...{ dir, ociLayout: join(dir, "oci"), versions: Object.fromEntries(versions) },
    ...((await exists(keys)) ? { secureBootKeys: keys } : {}),
    ...((await exists(kernel)) ? { kernelPackages: kernel } : {}),
  };
}

/** Builds the reference OS, or finds it in the cache. Disks of versions not asked for are null unless built before. */
export async function buildReferenceOs(options: ReferenceOptions): Promise<ReferenceOs> {
  wantedDisks(options);
  const key = await referenceContentKey(platformOf(options), options.edition);
  const slot = join(options.cacheDir, "reference", key.slice(0, 12));
  const dir = await fillSlot(slot, (draft) => fillReference(draft, slot, options), options);
  await addMissingDisks(dir, options);
  return describe(dir);
}
