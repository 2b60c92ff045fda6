/** The disks and EFI system partitions of the simulated guest, as lsblk(8) tells them. */
import type { DiskBus } from "../../harness/machine/machine.ts";
import { type Answer, ok } from "./exit.ts";

const efiType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
/** Of the disk that it boots from. */
export const firstDevice = "/dev/vda2";
export const secondDevice = "/dev/vdb2";
/** The one that a story makes on an empty disk. */
export const otherDevice = "/dev/vdb1";

/** lsblk(8), as the harness calls it; `has` tells which partitions are there. */
export function lsblk(args: readonly string[], has: (device: string) => boolean): Answer {
  if (args.includes("--nodeps"))
    return ok(`/dev/vda ${10 * 1024 ** 3} disk\n/dev/vdb ${64 * 1024 ** 2} disk\n`);
  return ok(
    [
      'NAME="/dev/vda" PKNAME="" PTTYPE="gpt" PARTTYPE=""',
      'NAME="/dev/vda1" PKNAME="/dev/vda" PTTYPE="gpt" PARTTYPE="21686148-6449-6e6f-744e-656564454649"',
      ...[firstDevice, secondDevice, otherDevice]
        .filter(has)
        .map(
          (one) => `NAME="${one}" PKNAME="${one.slice(0, -1)}" PTTYPE="gpt" PARTTYPE="${efiType}"`,
        ),
      "",
    ].join("\n"),
  );
}

/** A partition of the root and its disk, by what they hang on. Nothing else here knows another than virtio's names. */
export function namesOn(diskBus: DiskBus, partition: string): string[] {
  const disk = partition.slice(0, -1);
  if (diskBus === "virtio") return [`${disk}3`, disk];
  const name = diskBus === "nvme" ? "/dev/nvme0n1" : disk.replace("/vd", "/sd");
  return [diskBus === "nvme" ? `${name}p3` : `${name}3`, name];
}
