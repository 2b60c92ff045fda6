/** What the commands that boot something share: images resolved, driver made, key at hand, registry source. */

import { join } from "node:path";
import { createRegistryFixture } from "../../../fixtures/registry.ts";
import { type Catalogue, loadCatalogue } from "../../../images/catalogue.ts";
import type { Image } from "../../../images/image.ts";
import { resolveImage } from "../../../images/resolve.ts";
import { HostUnfit } from "../../base/errors.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { packageRoot } from "../../base/package-root.ts";
import { cacheRoot, removeDeadWorkspaces } from "../../base/workspace.ts";
import type { ShelfSource } from "../../engine/execute.ts";
import type { MachineChoice } from "../../engine/plan.ts";
import { ensureSshKey, type SshKey } from "../../guest/ssh/ssh-key.ts";
import type { Firmware, MachineDriver } from "../../machine/machine.ts";
import { createQemuDriver } from "../../machine/qemu/driver.ts";
import { driverOptions } from "./probe-kernel.ts";

export interface Session extends AsyncDisposable {
  readonly driver: MachineDriver;
  readonly accelerator: string;
  readonly emulatorVersion: string | null;
  readonly key: SshKey;
  readonly shelves: ShelfSource;
}

export interface ImageOptions {
  readonly catalogue?: string;
}

/** The catalogue that comes with bootgate. */
const builtInCatalogue = join(packageRoot, "images", "catalogue.yaml");

/** The catalogues to look names up in: the user's own first, then the built-in one. */
export async function loadCatalogues({ catalogue }: ImageOptions): Promise<Catalogue[]> {
  const own = catalogue === undefined ? [] : [await loadCatalogue(catalogue)];
  return [...own, await loadCatalogue(builtInCatalogue)];
}

/** Resolves image names by role, building what has to be built. */
export async function resolveImages<Role extends string>(
  names: Readonly<Record<Role, string | undefined>>,
  options: ImageOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Partial<Record<Role, Image>>> {
  const catalogues = await loadCatalogues(options);
  const images: Partial<Record<Role, Image>> = {};
  for (const role of Object.keys(names) as Role[]) {
    const name = names[role];
    if (name !== undefined) images[role] = await resolveOne(name, catalogues, say, signal);
  }
  return images;
}

async function resolveOne(
  name: string,
  catalogues: readonly Catalogue[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Image> {
  const entry = name.split(":")[0] ?? "";
  const catalogue =
    catalogues.find(({ images }) => Object.hasOwn(images, entry)) ?? catalogues.at(-1);
  if (catalogue === undefined) throw new TypeError("There is always the built-in catalogue.");
  return resolveImage(name, {
    catalogue,
    cacheDir: cacheRoot(),
    cwd: process.cwd(),
    signal,
    onProgress: say,
    reference: async (versions) => {
      const { buildReferenceOs } = await import("../../../images/reference/build.ts");
      return buildReferenceOs({ cacheDir: cacheRoot(), versions, onProgress: say, signal });
    },
  });
}

async function requireCache(path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => {
    throw new HostUnfit(
      `The cache folder '${path}' cannot be made: ${error instanceof Error ? error.message : String(error)}.`,
      {
        details: { "to do": "set XDG_CACHE_HOME to a folder that can be written to" },
        cause: error,
      },
    );
  });
}

/** Opens a session on this host. Throws HostUnfit for what it lacks. */
export async function openSession(
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Session> {
  await removeDeadWorkspaces();
  await requireCache(cacheRoot());
  const driver = await createQemuDriver({
    ...(await driverOptions(cacheRoot())),
    onProgress: say,
    signal,
  });
  const key = await ensureSshKey(join(cacheRoot(), "ssh"));
  const registry = await createRegistryFixture({ signal });
  return {
    driver,
    accelerator: driver.accelerator,
    emulatorVersion: driver.version,
    key,
    shelves: {
      prepare: (images) => registry.prepare(images.filter(({ oci }) => oci !== null)),
      async open(images) {
        await registry.prepare(images.filter(({ oci }) => oci !== null));
        return registry.open();
      },
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

/** The machines asked for, with the driver's refusal where it cannot make them. */
export async function machineChoices(
  driver: MachineDriver,
  images: readonly Image[],
  firmware: Firmware,
): Promise<MachineChoice[]> {
  const architecture = images[0]?.architecture ?? "x86_64";
  return [
    {
      driver: driver.kind,
      architecture,
      firmware,
      refusal: await driver.refuse({ architecture, firmware }),
    },
  ];
}
