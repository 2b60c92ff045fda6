/** The disks of a guest, as lsblk(8) tells them. The parser is pure. */
import { CannotTell } from "../../base/errors.ts";
import type { DiskBus } from "../../machine/machine.ts";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";

export interface Disk {
  /** `/dev/vdb`. */
  readonly name: string;
  readonly bytes: number;
}

/** Reads `lsblk --output NAME,SIZE,TYPE` in bytes: whole disks, and nothing that is read-only by its kind. */
export const parseDisks = (text: string): Disk[] =>
  text.split("\n").flatMap((line) => {
    const [, name, size] = /^(\/dev\/\S+)\s+(\d+)\s+disk\s*$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, bytes: Number(size) }];
  });

/** A whole disk that hangs on this bus, by its name (Linux, `admin-guide/devices.txt`). */
const wholeDisk: Readonly<Record<DiskBus, RegExp>> = {
  virtio: /^\/dev\/vd[a-z]+$/,
  scsi: /^\/dev\/sd[a-z]+$/,
  nvme: /^\/dev\/nvme\d+n\d+$/,
};

/**
 * Sees that a guest whose disks hang on this bus booted from one. Where its root lies otherwise it is not the machine that was asked for, which is
 * not the image's fault. Throws CannotTell then.
 */
export async function expectRootOn(io: GuestIo, bus: DiskBus): Promise<void> {
  const found = (await mustExec(io, commands.underBoot("NAME"))).stdout.split("\n").filter(Boolean);
  if (found.some((name) => wholeDisk[bus].test(name))) return;
  throw new CannotTell(`The root of guest '${io.name}' does not lie on a disk of the ${bus} bus.`, {
    details: { "it lies on": found.join(", ") || "nothing that lsblk tells" },
    lookAt: io.lookAt,
  });
}

/** The disk that a story asked for by `blankDisksMiB`, by its size. Throws CannotTell where the guest does not see one alone of that size. */
export async function findDisk(io: GuestIo, sizeMiB: number): Promise<string> {
  const disks = parseDisks((await mustExec(io, commands.disks)).stdout);
  const [one, another] = disks.filter(({ bytes }) => bytes === sizeMiB * 1024 ** 2);
  if (one !== undefined && another === undefined) return one.name;
  throw new CannotTell(
    `Guest '${io.name}' does not see one disk of ${sizeMiB} MiB that the machine was given.`,
    {
      details: {
        "it sees": disks.map(({ name, bytes }) => `${name} ${bytes}`).join("\n") || "none",
      },
      lookAt: io.lookAt,
    },
  );
}
