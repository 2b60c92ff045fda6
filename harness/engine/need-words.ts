/** What a scenario needs of its machines, as their boots take it, and in a few words for lists. Pure. */
import type { DiskBus } from "../machine/machine.ts";
import type { ScenarioNeeds } from "./scenario.ts";

type Needs = ScenarioNeeds<string>;

/** A bus as people call it. */
export const busWords: Readonly<Record<DiskBus, string>> = {
  virtio: "virtio",
  scsi: "SCSI",
  nvme: "NVMe",
};

/** The part of it that each of its guests is made with. */
export const guestHardware = ({ blankDisksMiB, diskBus, capabilities = [] }: Needs) => ({
  blankDisksMiB,
  diskBus,
  recordsWrites: capabilities.includes("write-log"),
});

/** What it needs of the machine, and of the run beside images; empty where any will do. */
export function hardwareWords({
  capabilities = [],
  architectures = [],
  firmware = [],
  memoryMiB,
  blankDisksMiB = [],
  diskBus,
  guests = 1,
  tpm,
  kernelPackages,
}: Needs): string {
  const disks = blankDisksMiB.length;
  return [
    ...capabilities,
    ...[architectures, firmware].flatMap((words) =>
      words.length === 0 ? [] : [words.join(" or ")],
    ),
    ...(memoryMiB === undefined ? [] : [`${memoryMiB} MiB`]),
    ...(disks === 0 ? [] : [`${disks} more ${disks === 1 ? "disk" : "disks"}`]),
    ...(diskBus === undefined ? [] : [`a disk on ${busWords[diskBus]}`]),
    ...(tpm === undefined ? [] : ["a TPM (--tpm)"]),
    ...(guests === 1 ? [] : [`${guests} guests`]),
    ...(kernelPackages === undefined ? [] : ["--kernel-packages"]),
  ].join(", ");
}

/** Images by their roles, what they are for where that is not plain, and what the candidate has to promise. */
export function imageWords({
  images,
  installs = [],
  kickstart,
  promises = [],
  from,
}: Needs): string {
  return [
    images.join(", "),
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(installs.length === 0 ? [] : [`an ISO${kickstart === undefined ? "" : ` (${kickstart})`}`]),
    ...(promises.length === 0 ? [] : [`promises ${promises.join(", ")}`]),
  ].join("; ");
}
