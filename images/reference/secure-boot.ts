/**
 * Boot loaders and a kernel for Secure Boot: Debian's shim and GRUB, signed by keys that are made for it, and Debian's kernel with
 * Debian's own signature, which that shim knows. Kept in the cache by what it is made of, since each making has other keys.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { baseSuite } from "./base-packages.ts";
import type { BaseTree } from "./base-tree.ts";
import { bootstrapBuilder } from "./builder-tree.ts";
import { fillSlot } from "./cache-slot.ts";
import { baseKey, secureBootKey } from "./content-key.ts";
import {
  type BuildContext,
  besideUs,
  giveToUs,
  removeAsRoot,
  runAsRoot,
  runInTree,
} from "./privileged.ts";

/** What the builder needs: signing, keys, GRUB and shim. */
const signerPackages = [
  "sbsigntool",
  "openssl",
  "grub-common",
  "grub-efi-amd64-bin",
  "shim-unsigned",
] as const;

/** Folders to be laid over the reference OS, by what is signed in them. */
export const signedTrees = ["signed", "unsigned-grub", "unsigned-kernel", "foreign-shim"] as const;
export type SignedTree = (typeof signedTrees)[number];

export interface SecureBootParts {
  readonly trees: Readonly<Record<SignedTree, string>>;
  /** Folder with the certificates `PK`, `KEK` and `db`. */
  readonly keys: string;
}

async function fill(folder: string, base: BaseTree, context: BuildContext): Promise<void> {
  const { onProgress, signal } = context;
  const tree = join(folder, "tree");
  const work = join(folder, "work");
  await mkdir(work);
  onProgress(`bootstrapping Debian ${baseSuite} with sbsign, GRUB and shim`);
  await bootstrapBuilder(tree, signerPackages, context);
  const kernel = join(base.tree, "usr/lib/modules", base.kernelVersion, "vmlinuz");
  await runAsRoot("cp", [kernel, join(work, "vmlinuz")], context);
  await runAsRoot("cp", [besideUs("scripts/sign-boot.sh"), work], context);
  onProgress("signing GRUB and shim by keys of their own");
  const command = ["sh", "/tmp/sign-boot.sh", base.kernelVersion];
  await runInTree({ tree, work, command }, context);
  for (const name of ["keys", "trees"]) {
    await runAsRoot("mv", [join(work, name), join(folder, name)], context);
    await giveToUs(join(folder, name), signal);
  }
  for (const done of [tree, work]) await removeAsRoot(done, signal);
  await writeFile(join(folder, "secure-boot.json"), JSON.stringify({ trees: signedTrees }));
}

/** From the cache, made when it is not there. Throws HostUnfit where the packages cannot be had. */
export async function provideSecureBoot(
  cacheDir: string,
  base: BaseTree,
  context: BuildContext,
): Promise<SecureBootParts> {
  const key = await secureBootKey([await baseKey(base.platform), signerPackages]);
  const slot = join(cacheDir, "reference-secure-boot", key.slice(0, 12));
  const folder = await fillSlot(slot, (draft) => fill(draft, base, context), context);
  const trees = signedTrees.map((name) => [name, join(folder, "trees", name)] as const);
  return {
    trees: Object.fromEntries(trees) as SecureBootParts["trees"],
    keys: join(folder, "keys"),
  };
}
