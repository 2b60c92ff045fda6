/**
 * A disk that is not image-based: the same Debian packages in package mode, with a root directory of its own, without
 * bootc and without ostree. It is what a person gives by mistake, and the tests hold the harness's words against it.
 */
import { cp, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { provideBase } from "./base-tree.ts";
import { fillSlot } from "./cache-slot.ts";
import { plainKey } from "./content-key.ts";
import { makeDisk } from "./disk.ts";
import {
  type BuildContext,
  besideUs,
  platformOf,
  removeAsRoot,
  runAsRoot,
  runInTree,
} from "./privileged.ts";

/** Builds the disk, or finds it in the cache. Returns the path of a qcow2. */
export async function buildPlainDisk(cacheDir: string, context: BuildContext): Promise<string> {
  const slot = join(cacheDir, "plain-disk", (await plainKey(platformOf(context))).slice(0, 12));
  const folder = await fillSlot(slot, (draft) => fill(draft, cacheDir, context), context);
  return join(folder, "plain.qcow2");
}

async function fill(folder: string, cacheDir: string, context: BuildContext): Promise<void> {
  const { tree, grub, platform } = await provideBase(cacheDir, context);
  const work = join(folder, "work");
  const sysroot = join(work, "sysroot");
  await mkdir(work);
  context.onProgress("building a disk in package mode");
  await runAsRoot("cp", ["-a", "--reflink=auto", tree, sysroot], context);
  await cp(besideUs("scripts/plain-sysroot.sh"), join(work, "plain-sysroot.sh"));
  await runInTree({ tree, work, command: ["sh", "/tmp/plain-sysroot.sh"] }, context);
  // The same network and host key as the reference OS has.
  const copy = ["-r", "--no-preserve=mode,ownership", `${besideUs("tree-os")}/.`, sysroot];
  await runAsRoot("cp", copy, context);
  await runAsRoot("rm", ["-f", join(sysroot, "usr/lib/tmpfiles.d/reference-os.conf")], context);
  const target = join(work, "plain.qcow2");
  await makeDisk({ sysroot, grub, platform, scratch: work, target }, context);
  await rename(target, join(folder, "plain.qcow2"));
  await removeAsRoot(work, context.signal);
}
