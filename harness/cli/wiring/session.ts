/** What the commands that boot something share: images resolved, driver made, key at hand, registry source. */

import { join } from "node:path";
import { createRegistryFixture } from "../../../fixtures/registry.ts";
import { type Catalogue, loadCatalogue } from "../../../images/catalogue.ts";
import { changeImage } from "../../../images/derive/derive.ts";
import { SealedImage } from "../../../images/derive/sealed.ts";
import type { Architecture, FoundImage, Image } from "../../../images/image.ts";
import { namedKernelPackages } from "../../../images/kernel-packages.ts";
import { type PeekedImage, peekImage } from "../../../images/peek.ts";
import {
  checkName,
  type ResolveOptions,
  resolveImage,
  resolvePair,
  withArchitecture,
} from "../../../images/resolve.ts";
import { packageRoot } from "../../base/package-root.ts";
import { requireCache } from "../../base/places.ts";
import { namedKeys } from "../../base/secure-boot-keys.ts";
import { shelvesLimit } from "../../base/shelf-room.ts";
import { cacheRoot, removeDeadWorkspaces } from "../../base/workspace.ts";
import type { FixtureSource } from "../../engine/execute.ts";
import { StorySkipped } from "../../engine/story-skipped.ts";
import { ensureSshKey, type SshKey } from "../../guest/ssh/ssh-key.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { type CutOptions, cutsOpener } from "./cut-options.ts";
import {
  type DiskMaker,
  type DiskOptions,
  diskWords,
  openDisks,
  requireBuilder,
} from "./disk-options.ts";
import { fixtureTable } from "./fixtures.ts";
import { accessOf, type RegistryOptions } from "./image-options.ts";
import { openImageRunner } from "./image-runner.ts";
import { type DriverChoice, helperDriver, openDrivers } from "./open-drivers.ts";
import { servePayload } from "./serve-payload.ts";
import { shareCache, storeLimit } from "./store-limit.ts";
import { unbootable, type Wants } from "./unbootable.ts";

export interface Session extends AsyncDisposable {
  /** The drivers that were asked for, in that order; at least one. */
  readonly drivers: readonly [MachineDriver, ...MachineDriver[]];
  readonly key: SshKey;
  readonly fixtures: FixtureSource;
  /** Makes disks of OCI images; absent where no driver of the session can. */
  readonly disks?: DiskMaker | undefined;
  /** The same in a way of its own, for a part of the jobs; the session lets go of them. */
  disksFor(choice: DiskOptions): DiskMaker | undefined;
}

export interface ImageOptions extends RegistryOptions {
  /** Folder with the certificates that firmware with Secure Boot gets; absent: what the catalogue says. */
  readonly secureBootKeys?: string;
  /** Folder with the packages of another kernel; absent: what the catalogue says. */
  readonly kernelPackages?: string;
  readonly catalogue?: string;
  /** What the person says of images that do not say it themselves, and which image of an index is meant. */
  readonly architecture?: Architecture;
  /** Which images are worth their layers. Absent: all. */
  readonly wants?: Wants;
}

/** The catalogue that comes with bootgate. */
const builtInCatalogue = join(packageRoot, "images", "catalogue.yaml");

/** The catalogues to look names up in: the user's own first, then the built-in one. */
export async function loadCatalogues({
  catalogue,
}: Pick<ImageOptions, "catalogue">): Promise<Catalogue[]> {
  const own = catalogue === undefined ? [] : [await loadCatalogue(catalogue)];
  return [...own, await loadCatalogue(builtInCatalogue)];
}

/** An image by its name, with what was said of it beside. */
export interface ImageWish {
  readonly name: string;
  /** The OCI image that was installed on the disk. */
  readonly oci?: string;
  /** What the disk file has to be: `sha256:…`, a file that lists checksums, or its URL. */
  readonly checksum?: string;
  /** Keys that may have signed that list. */
  readonly keyring?: string;
}

/** Resolves image names by role, building what has to be built, to images that can be booted. */
export async function resolveImages<Role extends string>(
  names: Readonly<Record<Role, string | ImageWish | undefined>>,
  options: ImageOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Partial<Record<Role, Image>>> {
  const catalogues = await loadCatalogues(options);
  const keys = await namedKeys(process.cwd(), options.secureBootKeys);
  const kernel = await namedKernelPackages(process.cwd(), options.kernelPackages);
  const images: Partial<Record<Role, Image>> = {};
  for (const role of Object.keys(names) as Role[]) {
    const name = names[role];
    if (name === undefined) continue;
    const found = await resolveOne(name, catalogues, options, say, signal).catch((error) =>
      unbootable(error, () => peekAtImage(nameOf(name), options, say, signal)),
    );
    images[role] = { ...withArchitecture(found, options.architecture), ...keys, ...kernel };
  }
  return images;
}

const nameOf = (wish: string | ImageWish): string => (typeof wish === "string" ? wish : wish.name);

/** Throws UsageError for what cannot name an image: nothing is opened or fetched. */
export async function checkNames(names: readonly string[], options: ImageOptions): Promise<void> {
  const catalogues = await loadCatalogues(options);
  for (const name of names)
    await checkName(name, { catalogue: catalogueOf(name, catalogues), cwd: process.cwd() });
}

/** The catalogue that has a name, else the built-in one. */
function catalogueOf(name: string, catalogues: readonly Catalogue[]): Catalogue {
  const entry = name.split(":")[0] ?? "";
  const found = catalogues.find(({ images }) => Object.hasOwn(images, entry)) ?? catalogues.at(-1);
  if (found !== undefined) return found;
  throw new TypeError("There is always the built-in catalogue.");
}

/** Resolves one name to what was found, also where nothing says for which architecture it is. */
export const findImage = async (
  name: string,
  options: ImageOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<FoundImage> => resolveOne(name, await loadCatalogues(options), options, say, signal);

/** What an image at a registry is, without its layers; null for what is in the store or elsewhere. */
export const peekAtImage = async (
  name: string,
  options: ImageOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<PeekedImage | null> => {
  await requireCache();
  const catalogues = await loadCatalogues(options);
  return peekImage(name, resolveOptions({ name }, catalogues, options, say, signal));
};

async function resolveOne(
  wish: string | ImageWish,
  catalogues: readonly Catalogue[],
  asked: ImageOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<FoundImage> {
  await requireCache();
  const whole: ImageWish = typeof wish === "string" ? { name: wish } : wish;
  const { name, oci } = whole;
  // Beside a disk or an ISO it is needed whole, to be published.
  const { wants: _, ...always } = asked;
  const options = resolveOptions(
    whole,
    catalogues,
    oci === undefined ? asked : always,
    say,
    signal,
  );
  return oci === undefined ? resolveImage(name, options) : resolvePair(name, oci, options);
}

function resolveOptions(
  { name, checksum, keyring }: ImageWish,
  catalogues: readonly Catalogue[],
  asked: ImageOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): ResolveOptions {
  shareCache();
  return {
    catalogue: catalogueOf(name, catalogues),
    cacheDir: cacheRoot(),
    cwd: process.cwd(),
    signal,
    onProgress: say,
    access: accessOf(asked),
    ...(asked.architecture === undefined ? {} : { architecture: asked.architecture }),
    ...(asked.wants === undefined ? {} : { wants: asked.wants }),
    ...storeLimit(),
    ...(checksum === undefined ? {} : { checksum }),
    ...(keyring === undefined ? {} : { keyring }),
    reference: async (versions, edition, architecture) => {
      const { provideReference } = await import("../../../images/reference/provide.ts");
      return provideReference(versions, edition, {
        architecture,
        cacheDir: cacheRoot(),
        onProgress: say,
        signal,
      });
    },
    installer: async (carried) => {
      const { provideInstaller } = await import("../../../images/installer/provide.ts");
      return provideInstaller({ ...carried, cacheDir: cacheRoot(), onProgress: say, signal });
    },
    liveMedium: async (system, fault) => {
      const { provideLiveMedium } = await import("../../../images/live/provide.ts");
      return provideLiveMedium({
        ...system,
        fault,
        cacheDir: cacheRoot(),
        onProgress: say,
        signal,
      });
    },
  };
}

/** Opens a session on this host. Throws HostUnfit for what it lacks. */
export async function openSession(
  say: (line: string) => void,
  signal: AbortSignal,
  choice: DriverChoice & DiskOptions & CutOptions = {},
): Promise<Session> {
  await requireBuilder(choice);
  shareCache();
  await requireCache();
  await removeDeadWorkspaces();
  await shelvesLimit(cacheRoot());
  const drivers = await openDrivers(choice, say, signal);
  const helper = await helperDriver(drivers, choice, say, signal);
  const key = await ensureSshKey(join(cacheRoot(), "ssh"));
  const registry = await createRegistryFixture({ signal });
  const runner = openImageRunner(choice, helper, say);
  // Who asks for the same disks gets the same maker: a state is made once, and only its own maker has it.
  const opened = new Map<string, DiskMaker | undefined>();
  const disksFor = (how: DiskOptions): DiskMaker | undefined => {
    const words = JSON.stringify(diskWords(how));
    if (!opened.has(words))
      opened.set(
        words,
        openDisks(how, helper, (image, guests) => servePayload(registry, image, guests)),
      );
    return opened.get(words);
  };
  return {
    drivers,
    key,
    disks: disksFor(choice),
    disksFor,
    fixtures: {
      prepare: (images) => registry.prepare(images),
      table: fixtureTable(registry, signal),
      openCuts: cutsOpener(choice),
      changeImage: (image, change, how) =>
        changeImage(image, change, {
          ...how,
          ...{ runner, cacheDir: cacheRoot(), onProgress: say },
        }).catch((error: unknown) => {
          throw error instanceof SealedImage ? new StorySkipped(error.headline) : error;
        }),
    },
    async [Symbol.asyncDispose]() {
      for (const disks of opened.values()) await disks?.[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}
