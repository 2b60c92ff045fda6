/**
 * Installs an image in a privileged container of podman, the way of bootc's own documentation. The image is unpacked into
 * a storage of its own, so that nothing of it is left in the user's; podman, its monitor and the container live in the
 * namespaces of `runPrivately` and end with them. The installer gets the image by `--source-imgref`, as everywhere else.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { MakeOptions } from "../state.ts";
import { beginOnHost } from "./begin-on-host.ts";
import type { BuildRequest, BuildResult, DiskBuilder } from "./builder.ts";
import {
  finish,
  hostCost,
  hostLimitMs,
  hostStillMs,
  loopScript,
  mebibyte,
  mountedBy,
} from "./host-builder.ts";
import {
  type RequireFileSystems,
  refuseHost,
  requireFileSystems,
  shortFolder,
} from "./host-needs.ts";
import { writeSource } from "./image-source.ts";
import { sizesOf } from "./install-log.ts";
import { installCommand } from "./install-plan.ts";
import { makeLoopDisk } from "./loop-disk.ts";
import { guardedScript, runPrivately } from "./private-run.ts";

/** How the image is called in the storage that is made for it. */
export const storedImage = "localhost/bootgate:image";

/**
 * Begins with the arguments: the image as skopeo names it, the storage, a folder to mount on. Leaves `podman` as a
 * function that uses that storage; its state is in memory, apart from that of other containers.
 */
const storageScript = `${guardedScript}source=$1 storage=$2 base=$3
shift 3
mount -t tmpfs -o mode=0700 bootgate "$base"
mkdir "$base/run" "$base/state"
engine() {
  podman --storage-driver overlay --root "$storage" --runroot "$base/run" --tmpdir "$base/state" --cgroup-manager cgroupfs --events-backend none "$@"
}
skopeo --insecure-policy copy --quiet "$source" "containers-storage:[overlay@$storage+$base/run]${storedImage}"
`;

/** Then the disk and podman's words; the device is the last word of the installer. */
const script = `${storageScript}disk=$1
shift
${loopScript}begun=1
set +e
engine "$@" "$device"
code=$?
sync
blockdev --flushbufs "$device"
exit "$code"
`;

/** The builder for root on a host with podman. */
export const createPodmanBuilder = (
  requires: RequireFileSystems = requireFileSystems,
): DiskBuilder => ({
  name: "podman",
  revision: 1,
  limitMs: hostLimitMs,
  cost: hostCost,
  refuse: () => refuseHost({ builder: "podman", programs: podmanPrograms }),
  build: (request, how) => build(requires, request, how),
});

export const podmanPrograms = ["podman", "skopeo", "unshare", "losetup", "blockdev", "mount"];

/** The words of `podman run`; those of the installer follow. */
export const podmanRun = (volumes: readonly (readonly [string, string])[]): string[] => [
  "run",
  "--rm",
  "--privileged",
  "--pull=never",
  "--network=none",
  // Its own control group would outlive it where everything is killed at once.
  "--cgroups=disabled",
  "--systemd=false",
  "--log-driver=none",
  "--security-opt=label=type:unconfined_t",
  "--user=0:0",
  "--workdir=/",
  "--volume=/dev:/dev",
  ...volumes.map(([from, to]) => `--volume=${from}:${to}:ro`),
  "--entrypoint=/bin/sh",
  storedImage,
  "-c",
  'bootc --version; "$@"',
  "sh",
];

async function build(
  requires: RequireFileSystems,
  request: BuildRequest,
  how: MakeOptions,
): Promise<BuildResult> {
  const { name, image, recipe, scratch } = request;
  const { tell, facts, filesystem, kernel } = await beginOnHost("podman", request, how);
  await requires("podman", ["overlay", ...mountedBy(facts, recipe, filesystem)]);
  const { reference, volumes, places } = await writeSource(image, join(scratch, "source"));
  await using loop = await makeLoopDisk(scratch, recipe.sizeMiB * mebibyte);
  const disk = loop.path;
  const storage = join(scratch, "storage");
  await mkdir(storage);
  const base = await shortFolder([scratch, image.layout, ...places]);
  const command = installCommand({ image, recipe, facts, target: "DEVICE" });
  const args = [reference, storage, base, disk, ...podmanRun(volumes), ...command.slice(0, -1)];
  const limits = { stillMs: hostStillMs, limitMs: hostLimitMs(image) };
  const look = (log: string): Promise<string> => sizesOf(disk, log);
  const end = await runPrivately({ name, script, args, look, ...limits, tell }, how);
  await rm(storage, { recursive: true, force: true });
  return await finish({ request, how, end, disk, builder: "podman", command, filesystem, kernel });
}
