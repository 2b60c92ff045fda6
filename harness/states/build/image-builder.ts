/**
 * Makes a disk by bootc-image-builder, which many pipelines use, in a container of podman. It runs the image's own `bootc
 * install to-filesystem` on partitions of its choice, so its disk is what its users ship. Written by its documentation
 * and its sources (osbuild/bootc-image-builder and osbuild/image-builder, 2026); never run with the real one.
 */
import { mkdir, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RootFacts } from "../../../images/rootfs/facts.ts";
import { CannotTell, UsageError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import type { MakeOptions } from "../state.ts";
import { beginOnHost } from "./begin-on-host.ts";
import type { BuildRequest, BuildResult, DiskBuilder } from "./builder.ts";
import { hostCost, hostLimitMs, hostStillMs } from "./host-builder.ts";
import { refuseHost, shortFolder } from "./host-needs.ts";
import { writeSource } from "./image-source.ts";
import { installFailed } from "./install-ended.ts";
import { typed } from "./install-plan.ts";
import { podmanPrograms } from "./podman-builder.ts";
import { guardedScript, runPrivately } from "./private-run.ts";
import type { DiskRecipe } from "./recipe.ts";

/** The container image of the builder. */
export const builderImage = "quay.io/centos-bootc/bootc-image-builder:latest";

/** By which podman finds the registry of the builder's container image (containers-auth.json(5), podman-pull(1), net/http of Go). */
const registryVariables: readonly string[] = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"],
  ...["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR"],
];

/** Where root's podman keeps images: what was pulled there already is found. */
const usersStorage = "/var/lib/containers/storage";
/** What the builder demands that the mounted storage's path ends with (its `setup.go`). */
const storagePath = "var/lib/containers/storage";

/**
 * Two storages: one that the builder reads and in which podman has never run, since podman's database notes its own path;
 * and one for the builder's own container, over the user's as a source of images.
 */
const script = `${guardedScript}source=$1 name=$2 storage=$3 own=$4 base=$5
shift 5
mount -t tmpfs -o mode=0700 bootgate "$base"
mkdir "$base/run" "$base/own" "$base/state"
skopeo --insecure-policy copy --quiet "$source" "containers-storage:[overlay@$storage+$base/run]$name"
begun=1
podman --storage-driver overlay --root "$own" --runroot "$base/own" --tmpdir "$base/state" --cgroup-manager cgroupfs --events-backend none "$@"
`;

/** The builder for root on a host with podman and a way to the registry of the builder's container image. */
export const createImageBuilder = (): DiskBuilder => ({
  name: "bootc-image-builder",
  revision: 1,
  limitMs: hostLimitMs,
  cost: (image) => {
    const cost = hostCost(image);
    return { ...cost, diskMiB: 2 * cost.diskMiB + 4096 };
  },
  refuse: () => refuseHost({ builder: "bootc-image-builder", programs: podmanPrograms }),
  build,
});

async function build(request: BuildRequest, how: MakeOptions): Promise<BuildResult> {
  const { name, image, recipe, scratch, target } = request;
  requireKnownWishes(recipe);
  const { tell, facts, filesystem } = await beginOnHost("bootc-image-builder", request, how);
  const { reference, places } = await writeSource(image, join(scratch, "source"));
  const folders = {
    storage: join(scratch, storagePath),
    own: join(scratch, "own"),
    output: join(scratch, "output"),
  };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  const config = join(scratch, "config.toml");
  await writeFile(config, builderConfig(recipe));
  const words = [
    ...((await exists(usersStorage)) ? [`--storage-opt=additionalimagestore=${usersStorage}`] : []),
    ...imageBuilderWords({ recipe, facts, filesystem, config, ...folders }),
  ];
  tell("installing");
  const { storage, own, output } = folders;
  const base = await shortFolder([scratch, image.layout, ...places]);
  const end = await runPrivately(
    {
      name,
      script,
      args: [reference, recipe.follows, storage, own, base, ...words],
      look: async (log) => `${(await stat(log)).size} ${(await statfs(scratch)).bfree}`,
      stillMs: 2 * hostStillMs,
      limitMs: hostLimitMs(image),
      passes: registryVariables,
      tell,
    },
    how,
  );
  const { exitCode, said, log } = end;
  if (exitCode !== 0) throw installFailed({ name, recipe, exitCode, said, log, onHost: true });
  const made = join(output, "qcow2", "disk.qcow2");
  if (!(await exists(made)))
    throw new CannotTell(`bootc-image-builder ended well and left no disk of '${name}'.`, {
      details: { "looked for": "/output/qcow2/disk.qcow2" },
      lookAt: log,
    });
  await rename(made, target);
  for (const folder of [storage, own]) await rm(folder, { recursive: true, force: true });
  return {
    format: "qcow2",
    builder: "bootc-image-builder",
    installer: `bootc-image-builder of ${builderImage}`,
    command: typed([
      "podman",
      ...imageBuilderWords({ recipe, facts, filesystem, ...shownFolders }),
    ]),
    filesystem,
  };
}

const shownFolders = { config: "CONFIG", storage: "STORAGE", output: "OUTPUT" };

/** It decides these by itself. Throws UsageError. */
function requireKnownWishes({ backend, bootloader }: DiskRecipe): void {
  const refuse = (word: string): UsageError =>
    new UsageError(`bootc-image-builder cannot be told ${word}.`, {
      details: { "to do": "leave it out, or take --builder vm" },
    });
  if (backend !== "ostree") throw refuse(`--backend ${backend}`);
  if (bootloader !== null) throw refuse(`--bootloader ${bootloader}`);
}

export interface ImageBuilderWords {
  readonly recipe: DiskRecipe;
  readonly facts: Pick<RootFacts, "install">;
  readonly filesystem: string;
  readonly config: string;
  readonly storage: string;
  readonly output: string;
}

/** The words of podman. The image is found in the storage by the name that the disk is to follow. */
export const imageBuilderWords = (asked: ImageBuilderWords): string[] => {
  const { recipe, facts, filesystem, config, storage, output } = asked;
  const isImages = recipe.filesystem === null && facts.install.filesystem !== null;
  return [
    "run",
    "--rm",
    "--privileged",
    "--pull=missing",
    // A network of its own would be left behind where everything is killed at once.
    "--network=host",
    "--cgroups=disabled",
    "--log-driver=none",
    "--security-opt=label=type:unconfined_t",
    `--volume=${config}:/config.toml:ro`,
    `--volume=${output}:/output`,
    `--volume=${storage}:${usersStorage}`,
    builderImage,
    "--type=qcow2",
    ...(isImages ? [] : [`--rootfs=${filesystem}`]),
    // Without --local: that became the default, and the word is deprecated since 2025.
    recipe.follows,
  ];
};

/** Its configuration: kernel arguments, and how large the root is at least (osbuild.org, "build config"). */
export const builderConfig = ({ kernelArguments, sizeMiB }: DiskRecipe): string => {
  // ESP, /boot and what partitions are aligned to.
  const rootMiB = Math.max(1024, sizeMiB - 2048);
  const kernel = `[customizations.kernel]\nappend = ${JSON.stringify(kernelArguments.join(" "))}\n\n`;
  const root = `[[customizations.filesystem]]\nmountpoint = "/"\nminsize = "${rootMiB} MiB"\n`;
  return `${kernelArguments.length === 0 ? "" : kernel}${root}`;
};
