/** Trees of RPM packages to be laid over the reference OS: installed by its own dnf5, with the real package database. */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ownerOfKernel } from "../rpm/kernel.ts";
import { changeablePackages, referencePackages } from "../rpm/packages.ts";
import { provideRepository } from "../rpm/repository.ts";
import type { BaseTree } from "./base-tree.ts";
import { type BuildContext, besideUs, giveToUs, runInTree } from "./privileged.ts";

/** Folders by what has been done in them. */
export interface PackageTrees {
  /** Packages were installed. */
  readonly v1: string;
  /** One of them was upgraded after that, one downgraded, one swapped, one removed. */
  readonly v2: string;
  /** What stories of layered packages have removed and replaced. */
  readonly changeable: string;
}

/** Installs the packages into folders below `work`; with `ownsKernel` one of them owns the kernel of the base. Throws HostUnfit where they cannot be built on this host, or not installed. */
export async function installPackages(
  work: string,
  {
    base,
    cacheDir,
    ownsKernel,
  }: { readonly base: BaseTree; readonly cacheDir: string; readonly ownsKernel: boolean },
  context: BuildContext,
): Promise<PackageTrees> {
  const { signal, onProgress } = context;
  const more = ownsKernel ? [ownerOfKernel(base.kernelVersion)] : [];
  const all = [...referencePackages, ...changeablePackages, ...more];
  const repository = await provideRepository(all, { cacheDir, signal, onProgress });
  onProgress("installing RPM packages with the tree's own dnf5");
  await mkdir(work, { recursive: true });
  await cp(repository, join(work, "repository"), { recursive: true });
  const script = "install-packages.sh";
  await cp(besideUs(`scripts/${script}`), join(work, script));
  const command = ["sh", `/tmp/${script}`, "/tmp/repository", ...more.map(({ name }) => name)];
  await runInTree({ tree: base.tree, work, command }, context);
  const made = join(work, "packages");
  await giveToUs(made, signal);
  return { v1: join(made, "v1"), v2: join(made, "v2"), changeable: join(made, "changeable") };
}
