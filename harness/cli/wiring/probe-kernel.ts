/**
 * A kernel of this host's own architecture to prove the accelerator with, where the host's own cannot be read (some distributions keep it from users):
 * that of the reference OS, once it was built here.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hostArchitecture } from "../../../images/image.ts";
import { readKernelFormat } from "../../../images/rootfs/kernel-file.ts";

/** Path of a kernel below `<cacheDir>/reference-base`, or null when none was built yet. */
export async function findProbeKernel(cacheDir: string): Promise<string | null> {
  const bases = join(cacheDir, "reference-base");
  for (const base of await namesIn(bases)) {
    const modules = join(bases, base, "tree", "usr", "lib", "modules");
    for (const release of await namesIn(modules)) {
      const kernel = join(modules, release, "vmlinuz");
      const format = await readKernelFormat(kernel).catch(() => null);
      // One of another architecture cannot run under KVM here.
      if (format !== null && format.machine === hostArchitecture()) return kernel;
    }
  }
  return null;
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** The driver's options for this host, as every command gives them. */
export async function driverOptions(
  cacheDir: string,
): Promise<{ readonly cacheDir: string; readonly probeKernel?: string }> {
  const probeKernel = await findProbeKernel(cacheDir);
  return { cacheDir, ...(probeKernel === null ? {} : { probeKernel }) };
}
