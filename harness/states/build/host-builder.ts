/**
 * Installs an image by the host's own kernel: for root, in seconds, where a helper machine under emulation takes minutes.
 * The image's files are mounted as they are for a helper machine, in a mount namespace that ends with the installer; the
 * disk is a loop device that the kernel lets go of by itself.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import type { RootFacts, Startable } from "../../../images/rootfs/facts.ts";
import { writeRootImage } from "../../../images/rootfs/write-image.ts";
import { runCommand } from "../../base/process.ts";
import type { HostCost } from "../../machine/machine.ts";
import type { MakeOptions } from "../state.ts";
import { beginOnHost } from "./begin-on-host.ts";
import type { BuilderName, BuildRequest, BuildResult, DiskBuilder } from "./builder.ts";
import { type RequireFileSystems, refuseHost, requireFileSystems } from "./host-needs.ts";
import { place, sourceExtras, sourceFolder } from "./image-source.ts";
import { importMs, packedBytesOf } from "./import-time.ts";
import { installFailed } from "./install-ended.ts";
import { sizesOf } from "./install-log.ts";
import { installCommand, typed } from "./install-plan.ts";
import { makeLoopDisk } from "./loop-disk.ts";
import { guardedScript, type PrivateEnd, runPrivately } from "./private-run.ts";
import type { DiskRecipe } from "./recipe.ts";
import { tellUnpacking } from "./unpacking.ts";

/** For a whole build, milliseconds: it runs natively. */
export const hostLimitMs = (image: OciImageFacts): number =>
  30 * 60_000 + importMs(packedBytesOf(image));
/** How long neither the disk may grow nor a byte come from the installer. Milliseconds. */
export const hostStillMs = 5 * 60_000;
export const mebibyte = 1024 * 1024;

/**
 * Sets the loop device up and marks it to go with its last user at once: `losetup -d` of a device that is open does that
 * (drivers/block/loop.c, LO_FLAGS_AUTOCLEAR). A container's /dev does not get nodes of new partitions; the kernel's own does.
 * `$device` and descriptor 9 are left. What a build leaves that is killed between the two is `loop-disk.ts`'s.
 */
export const loopScript = `if ! grep -q " /dev devtmpfs " /proc/self/mounts && mount -t devtmpfs devtmpfs /dev; then
  mkdir -p /dev/pts /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
fi
device=$(losetup --find --show --partscan "$disk")
exec 9<>"$device"
losetup --detach "$device"
`;

/** Arguments: the root, the disk, a folder to mount on, and the installer's command, which the device ends. */
const script = `${guardedScript}root=$1 disk=$2 base=$3
shift 3
mount -t tmpfs -o mode=0755,size=80% bootgate "$base"
mkdir "$base/lower" "$base/upper" "$base/work" "$base/root"
mount -t erofs -o ro,loop "$root" "$base/lower"
mount -t overlay -o "lowerdir=$base/lower,upperdir=$base/upper,workdir=$base/work" bootgate "$base/root"
${loopScript}in=$base/root
mkdir -p "$in/tmp" "$in/var/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$in/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$in/var/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$in/run"
mount -t proc proc "$in/proc"
for path in dev sys; do mount --rbind "/$path" "$in/$path"; done
mkdir -p "$in/run/udev"
test -d /run/udev && mount --bind /run/udev "$in/run/udev"
begun=1
set +e
chroot "$in" /bin/sh -c 'cd /; bootc --version; exec "$@"' sh "$@" "$device" 9>&-
code=$?
sync
blockdev --flushbufs "$device"
exit "$code"
`;

/** Mount points that containers make and images leave out. */
const mountPoints = ["/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp"];

/** The builder for root on a host that has loop devices. */
export const createHostBuilder = (
  requires: RequireFileSystems = requireFileSystems,
): DiskBuilder => ({
  name: "host",
  revision: 1,
  limitMs: hostLimitMs,
  cost: hostCost,
  refuse: () =>
    refuseHost({
      builder: "host",
      programs: ["unshare", "losetup", "blockdev", "chroot", "mount"],
    }),
  build: (request, how) => build(requires, request, how),
});

/** The layers unpacked once, what a disk holds, and that once more as a file of another format. */
export function hostCost(image: OciImageFacts): HostCost {
  const packed = image.layers.reduce((sum, { size }) => sum + size, 0) / mebibyte;
  return { memoryMiB: 1024, cpus: 1, diskMiB: Math.ceil(packed * 8) + 1024, locks: [] };
}

async function build(
  requires: RequireFileSystems,
  request: BuildRequest,
  how: MakeOptions,
): Promise<BuildResult> {
  const { name, image, recipe, scratch } = request;
  const root = join(scratch, "root.erofs");
  const extra = [...mountPoints.map(place), place(sourceFolder), ...sourceExtras(image)];
  const { signal } = how;
  const { tell, facts, filesystem, kernel } = await beginOnHost("host", request, how, (say) =>
    writeRootImage({ image, target: root, extra, onProgress: tellUnpacking(say), signal }),
  );
  await requires("host", ["erofs", "overlay", ...mountedBy(facts, recipe, filesystem)]);
  await using loop = await makeLoopDisk(scratch, recipe.sizeMiB * mebibyte);
  const disk = loop.path;
  const base = join(scratch, "mounts");
  await mkdir(base);
  const command = installCommand({ image, recipe, facts, target: "DEVICE" });
  tell("installing");
  const end = await runPrivately(
    {
      name,
      script,
      args: [root, disk, base, ...command.slice(0, -1)],
      look: (log) => sizesOf(disk, log),
      stillMs: hostStillMs,
      limitMs: hostLimitMs(image),
      tell,
    },
    how,
  );
  await rm(root);
  return await finish({ request, how, end, disk, builder: "host", command, filesystem, kernel });
}

/** The file systems that the image's installer mounts: the root's, and that of the EFI partition. */
export function mountedBy(facts: RootFacts, recipe: DiskRecipe, filesystem: string): string[] {
  const hasEfi = facts.bootupd.components.includes("EFI") || recipe.backend === "composefs";
  return [filesystem, ...(hasEfi && recipe.bootloader !== "none" ? ["vfat"] : [])];
}

export interface FinishedRun {
  readonly request: BuildRequest;
  readonly how: MakeOptions;
  readonly end: PrivateEnd;
  /** The raw file that was installed on. */
  readonly disk: string;
  readonly builder: BuilderName;
  readonly command: readonly string[];
  readonly filesystem: string;
  readonly kernel: Startable;
}

/** Judges how the installer ended and makes the disk what it has to be. Throws as `DiskBuilder.build` does. */
export async function finish(run: FinishedRun): Promise<BuildResult> {
  const { request, how, end, disk, builder, command, filesystem, kernel } = run;
  const { name, recipe, target } = request;
  const { exitCode, said, log } = end;
  const unified = kernel.kind === "uki";
  if (exitCode !== 0)
    throw installFailed({ name, recipe, exitCode, said, log, unified, onHost: true });
  const { signal } = how;
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", disk, target], { signal });
  await rm(disk);
  const installer = /^bootc \S.{0,80}$/m.exec(said)?.[0] ?? "bootc";
  return { format: "qcow2", builder, installer, command: typed(command), filesystem };
}
