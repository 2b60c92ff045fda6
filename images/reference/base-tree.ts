/** Bootstraps the Debian tree, gives it the ostree layout and packs its layers. Kept in the cache by its own key. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { basePackages, baseSuite, excludedPaths, namedMirror } from "./base-packages.ts";
import { fillSlot, treeSlot } from "./cache-slot.ts";
import { baseKey } from "./content-key.ts";
import { rootUuid } from "./disk.ts";
import { packLayer } from "./layer.ts";
import type { LayerBlob } from "./oci-layout.ts";
import type { ReferencePlatform } from "./platforms.ts";
import {
  type BuildContext,
  besideUs,
  giveToUs,
  platformOf,
  requireRunnable,
  runAsRoot,
  runInTree,
  runMounting,
  runTool,
} from "./privileged.ts";

/** The finished base: a tree to run forky's tools in, its layers, and the boot loader's files. */
export interface BaseTree {
  readonly platform: ReferencePlatform;
  readonly tree: string;
  readonly grub: string;
  readonly kernelVersion: string;
  /** Lowest first. */
  readonly layers: readonly LayerBlob[];
}

const espBytes = 64 * 1024 * 1024;

async function bootstrap(
  tree: string,
  platform: ReferencePlatform,
  context: BuildContext,
): Promise<void> {
  await runMounting(
    "mmdebstrap",
    [
      "--variant=minbase",
      `--architectures=${platform.debian}`,
      // Whether its programs can be run is settled before this, in words of our own.
      "--skip=check/qemu",
      '--aptopt=Acquire::Check-Valid-Until "false"',
      ...excludedPaths(platform).map((path) => `--dpkgopt=path-exclude=${path}`),
      `--include=${basePackages(platform).join(",")}`,
      baseSuite,
      tree,
      ...namedMirror(),
    ],
    context,
  );
}

async function makeEsp(
  grub: string,
  { fallbackLoader, grubName }: ReferencePlatform,
  context: BuildContext,
): Promise<void> {
  const image = join(grub, "esp.img");
  await writeFile(image, "");
  const run = (file: string, args: readonly string[]): Promise<unknown> =>
    runTool(file, args, { signal: context.signal });
  await run("truncate", ["-s", String(espBytes), image]);
  await run("mkfs.vfat", ["-F", "32", "-n", "ESP", "-i", "b0079a7e", image]);
  await writeFile(join(grub, "bootuuid.cfg"), `set BOOT_UUID="${rootUuid}"\n`);
  await run("mmd", ["-i", image, "::EFI", "::EFI/BOOT", "::EFI/debian"]);
  const copy = (name: string, target: string): Promise<unknown> =>
    run("mcopy", ["-i", image, join(grub, name), `::EFI/${target}`]);
  await copy("grub.efi", `BOOT/${fallbackLoader}`);
  await copy("grub.efi", `debian/${grubName}`);
  await copy("efi.cfg", "debian/grub.cfg");
  await copy("bootuuid.cfg", "debian/bootuuid.cfg");
}

async function packLayers(folder: string, tree: string, signal: AbortSignal): Promise<LayerBlob[]> {
  const kernel = packLayer(
    {
      folder: tree,
      members: ["usr/lib/modules"],
      target: join(folder, "kernel.tar.gz"),
      keepOwners: true,
    },
    signal,
  );
  const base = packLayer(
    {
      folder: tree,
      members: ["."],
      exclude: ["./usr/lib/modules", "./dev/*", "./proc/*", "./sys/*", "./run/*", "./tmp/*"],
      target: join(folder, "base.tar.gz"),
      keepOwners: true,
    },
    signal,
  );
  return Promise.all([base, kernel]);
}

async function fillBase(
  folder: string,
  platform: ReferencePlatform,
  context: BuildContext,
): Promise<void> {
  const { onProgress, signal } = context;
  await requireRunnable(context);
  const tree = join(folder, "tree");
  const work = join(folder, "work");
  await mkdir(work);
  onProgress(
    `bootstrapping Debian ${baseSuite} for ${platform.architecture} (${basePackages(platform).length} packages and what they need)`,
  );
  await bootstrap(tree, platform, context);
  onProgress("building the initramfs and giving the tree the ostree layout");
  await runAsRoot(
    "cp",
    ["-r", "--no-preserve=mode,ownership", `${besideUs("tree-base")}/.`, tree],
    context,
  );
  await runAsRoot("cp", [besideUs("scripts/prepare-tree.sh"), work], context);
  await runInTree({ tree, work, command: ["sh", "/tmp/prepare-tree.sh"] }, context);
  await giveToUs(work, signal);
  await runAsRoot("mv", [join(work, "grub"), join(folder, "grub")], context);
  await makeEsp(join(folder, "grub"), platform, context);
  onProgress("packing the base layers");
  const layers = await packLayers(folder, tree, signal);
  const kernelVersion = (await readFile(join(work, "kver"), "utf8")).trim();
  const names = layers.map((layer) => ({ ...layer, path: layer.path.slice(folder.length + 1) }));
  await writeFile(join(folder, "base.json"), JSON.stringify({ kernelVersion, layers: names }));
}

/** The base from the cache, built when it is not there. */
export async function provideBase(cacheDir: string, context: BuildContext): Promise<BaseTree> {
  const platform = platformOf(context);
  const slot = await treeSlot(cacheDir, "reference-base", await baseKey(platform));
  const folder = await fillSlot(slot, (draft) => fillBase(draft, platform, context), context);
  const noted = JSON.parse(await readFile(join(folder, "base.json"), "utf8")) as {
    kernelVersion: string;
    layers: LayerBlob[];
  };
  return {
    platform,
    tree: join(folder, "tree"),
    grub: join(folder, "grub"),
    kernelVersion: noted.kernelVersion,
    layers: noted.layers.map((layer) => ({ ...layer, path: join(folder, layer.path) })),
  };
}
