/**
 * Another kernel for the reference OS, as an RPM package: that of Debian's stable release, which is older than its own. Kept in the cache
 * by its own key; only the edition that offers it waits for it.
 */
import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { specOfKernel } from "../rpm/kernel.ts";
import { buildSpecs } from "../rpm/repository.ts";
import { excludedPaths } from "./base-packages.ts";
import { fillSlot } from "./cache-slot.ts";
import { otherKernelKey } from "./content-key.ts";
import type { ReferencePlatform } from "./platforms.ts";
import { type BuildContext, giveToUs, platformOf, removeAsRoot } from "./privileged.ts";
import { unpackDebian } from "./unpack-debian.ts";

/** Its kernel is new enough for all that the reference OS boots by: composefs wants overlayfs with layers of data only, Linux 6.5. */
const suite = "trixie";
const packageOf = ({ debian }: ReferencePlatform): string => `linux-image-cloud-${debian}`;

async function fill(folder: string, context: BuildContext): Promise<void> {
  const { onProgress, signal } = context;
  const platform = platformOf(context);
  const unpacked = join(folder, "unpacked");
  onProgress(`unpacking the kernel of Debian ${suite}, and packing it as an RPM package`);
  await unpackDebian([packageOf(platform)], { suite, target: unpacked }, context);
  await giveToUs(unpacked, signal);
  const [release, ...others] = await readdir(join(unpacked, "usr/lib/modules"));
  if (release === undefined || others.length > 0)
    throw new HostUnfit(`Debian's ${packageOf(platform)} does not bring one kernel.`);
  const modules = join(folder, "modules");
  await cp(join(unpacked, "usr/lib/modules", release), modules, {
    recursive: true,
    // Links to what is not there.
    filter: (path) => !/\/(?:build|source)$/.test(path),
  });
  for (const name of ["vmlinuz", "config", "System.map"])
    await cp(join(unpacked, "boot", `${name}-${release}`), join(modules, name));
  const packages = join(folder, "packages");
  await mkdir(packages);
  const how = { signal, architecture: platform.architecture };
  await buildSpecs(packages, [specOfKernel(release, modules)], how);
  for (const done of [unpacked, modules]) await removeAsRoot(done, signal);
  await writeFile(join(folder, "kernel.json"), JSON.stringify({ release }));
}

/** The folder with the packages, from the cache or made. Throws HostUnfit where they cannot be had, or not be built on this host. */
export async function provideOtherKernel(cacheDir: string, context: BuildContext): Promise<string> {
  const platform = platformOf(context);
  const key = await otherKernelKey([suite, packageOf(platform), excludedPaths(platform)]);
  const slot = join(cacheDir, "reference-kernel", key.slice(0, 12));
  return join(await fillSlot(slot, (draft) => fill(draft, context), context), "packages");
}
