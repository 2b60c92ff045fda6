/**
 * The seed: an ostree sysroot into which the base layers are imported already. Every disk starts as a hard-linked copy
 * of it, so that only a version's own small layers are imported for each.
 */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { BaseTree } from "./base-tree.ts";
import { fillSlot, treeSlot } from "./cache-slot.ts";
import { seedKey } from "./content-key.ts";
import { writeLayout } from "./layer.ts";
import { createdOn, imageConfig, imageManifest } from "./oci-layout.ts";
import { type BuildContext, besideUs, runAsRoot, runInTree } from "./privileged.ts";

async function fillSeed(folder: string, base: BaseTree, context: BuildContext): Promise<void> {
  const { tree, layers } = base;
  await mkdir(join(folder, "var"));
  const created = createdOn(0);
  const { debian } = base.platform;
  const config = imageConfig({ version: "base", architecture: debian, created, layers });
  const image = { config, manifest: imageManifest(config, layers), layers };
  await writeLayout(join(folder, "oci"), new Map([["base", image]]), debian);
  await cp(besideUs("standin"), join(folder, "standin"), { recursive: true });
  context.onProgress("importing the base layers into ostree");
  const standin = join(folder, "standin");
  const command = [
    "/usr/lib/bootgate-standin/bootc",
    "internals",
    "standin-import",
    "--sysroot=/tmp/sysroot",
    "--source=oci:/tmp/oci:base",
  ];
  await runInTree({ tree, work: folder, standin, command }, context);
  await runAsRoot("rm", ["-rf", join(folder, "oci"), join(folder, "standin")], context);
}

/** The seed's sysroot from the cache, built when it is not there. */
export async function provideSeed(
  cacheDir: string,
  base: BaseTree,
  context: BuildContext,
): Promise<string> {
  const slot = await treeSlot(cacheDir, "reference-seed", await seedKey(base.platform));
  const folder = await fillSlot(slot, (draft) => fillSeed(draft, base, context), context);
  return join(folder, "sysroot");
}
