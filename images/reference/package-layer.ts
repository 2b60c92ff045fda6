/**
 * Programs of the reference OS's own suite as one layer: what Debian's packages and what they need bring and the base does not have.
 * Kept in the cache by its own key, so that nothing else of the reference OS waits for it.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { baseSuite } from "./base-packages.ts";
import type { BaseTree } from "./base-tree.ts";
import { fillSlot } from "./cache-slot.ts";
import { baseKey, packageLayerKey } from "./content-key.ts";
import { packLayer } from "./layer.ts";
import type { LayerBlob } from "./oci-layout.ts";
import { type BuildContext, besideUs, giveToUs, removeAsRoot, runAsRoot } from "./privileged.ts";
import { unpackDebian } from "./unpack-debian.ts";

/** What such a layer is made of. */
interface Programs {
  readonly packages: readonly string[];
  /** What these packages bring and no story uses: paths of the image, by patterns of sh. */
  readonly leftOut: readonly string[];
}

const programs = {
  /** podman refuses to start without conmon, an OCI runtime and netavark; the first and the last are needs of its package. */
  podman: {
    packages: ["podman", "crun"],
    leftOut: [
      "usr/share/*",
      "usr/lib/cni/*",
      "usr/lib/systemd/user/*",
      "usr/lib/podman/netavark-*",
      "usr/libexec/podman/podman-testing",
      "*/gconv/*",
      "*.a",
    ],
  },
  flatpak: {
    packages: ["flatpak"],
    leftOut: [
      "usr/share/*",
      "usr/lib/systemd/user/*",
      "usr/lib/systemd/user-*",
      "*/gconv/*",
      "*.a",
    ],
  },
} as const satisfies Record<string, Programs>;

export type PackageLayer = keyof typeof programs;

const layerName = "layer.tar.gz";

async function fill(
  name: PackageLayer,
  folder: string,
  { tree }: BaseTree,
  context: BuildContext,
): Promise<void> {
  const { onProgress, signal } = context;
  const { packages, leftOut } = programs[name];
  const unpacked = join(folder, "unpacked");
  const picked = join(folder, "picked");
  await mkdir(picked);
  onProgress(`unpacking Debian's ${name} of ${baseSuite} and what it needs`);
  await unpackDebian(packages, { suite: baseSuite, target: unpacked }, context);
  const script = besideUs("scripts/pick-new.sh");
  await runAsRoot("sh", [script, tree, unpacked, picked, ...leftOut], context);
  await giveToUs(picked, signal);
  const target = join(folder, layerName);
  const layer = await packLayer({ folder: picked, members: ["usr"], target }, signal);
  for (const done of [unpacked, picked]) await removeAsRoot(done, signal);
  await writeFile(join(folder, "layer.json"), JSON.stringify({ ...layer, path: layerName }));
}

/** The layer with these programs from the cache, built when it is not there. Throws HostUnfit where the packages cannot be had. */
export async function providePackageLayer(
  name: PackageLayer,
  cacheDir: string,
  base: BaseTree,
  context: BuildContext,
): Promise<LayerBlob> {
  const { packages, leftOut } = programs[name];
  const key = await packageLayerKey([await baseKey(base.platform), packages, leftOut]);
  const slot = join(cacheDir, `reference-${name}`, key.slice(0, 12));
  const folder = await fillSlot(slot, (draft) => fill(name, draft, base, context), context);
  const layer = JSON.parse(await readFile(join(folder, "layer.json"), "utf8")) as LayerBlob;
  return { ...layer, path: join(folder, layer.path) };
}
