/**
 * Disks of other hypervisors, told by their first bytes and never by their names: what they are, and whether they are
 * whole in themselves. A hostile one names a file of the host as its parent or as a part of it, and a program that opens
 * it reads that file, so the header is read by ourselves before any tool opens it. Pure.
 */
import type { DiskRefusal } from "./qcow2-header.ts";

export interface ForeignDisk {
  /** QEMU's name of the format. */
  readonly driver: "vmdk" | "vpc" | "vhdx";
  /** What people call it. */
  readonly words: string;
}

const again = "download or build the file again, and compare its checksum";
const whole = "qemu-img convert -O qcow2, on a machine that trusts it, makes a whole disk";
const otherFiles = "and may name any file of this host";

/** What the disk is, why it is refused, or null where it is none of these. A fixed VHD is a raw disk with a footer, so none. */
export function readForeignDisk(head: Buffer): ForeignDisk | DiskRefusal | null {
  const magic = head.toString("latin1", 0, 8);
  if (magic.startsWith("KDMV")) return readVmdk(head);
  if (/^# Disk DescriptorFile/i.test(head.toString("latin1", 0, 40))) {
    return { refusal: `is a VMDK that keeps its data in other files, ${otherFiles}`, todo: whole };
  }
  if (magic === "conectix") return readVhd(head);
  if (magic === "vhdxfile") return { driver: "vhdx", words: "a Hyper-V disk (VHDX)" };
  return null;
}

const sector = 512;
/** 16 TiB in sectors, as much as a qcow2 may have. */
const maxSectors = (16n * 1024n ** 4n) / 512n;
/** QEMU looks for a parent in this many bytes from here on, whatever the header says (block/vmdk.c, `vmdk_parent_open`). */
const descriptorBytes = 20 * sector;

/**
 * A sparse extent (Virtual Disk Format 5.0, "SparseExtentHeader"): little endian; capacity at 12, place and size of the
 * descriptor at 28 and 36, all in sectors. With a capacity of 0 QEMU goes by the extents that the descriptor names.
 */
function readVmdk(head: Buffer): ForeignDisk | DiskRefusal {
  if (head.length < 2 * sector) {
    return { refusal: "is truncated: its VMDK header is not complete", todo: again };
  }
  const capacity = head.readBigUInt64LE(12);
  const start = head.readBigUInt64LE(28) * BigInt(sector);
  const bytes = head.readBigUInt64LE(36) * BigInt(sector);
  if (capacity === 0n) {
    return { refusal: `is a VMDK that keeps its data in other files, ${otherFiles}`, todo: whole };
  }
  if (capacity > maxSectors || start + bytes > BigInt(head.length)) {
    return { refusal: "is damaged: its VMDK header makes no sense", todo: again };
  }
  const descriptor = head.toString("latin1", Number(start), Number(start + bytes));
  const looked = descriptor + head.toString("latin1", sector, sector + descriptorBytes);
  if (/parentFileNameHint/i.test(looked) || /^parentCID=(?!f{8}\b)/im.test(descriptor)) {
    return {
      refusal: `is a VMDK with a parent: it is not a whole disk, ${otherFiles}`,
      todo: whole,
    };
  }
  const extents = descriptor.match(/^(?:RW|RDONLY|NOACCESS) .*$/gm) ?? [];
  if (extents.length > 1 || extents.some((line) => !/^RW \d+ SPARSE /.test(line))) {
    return { refusal: `is a VMDK that keeps its data in other files, ${otherFiles}`, todo: whole };
  }
  const kind = /^createType="(\w{1,40})"/m.exec(descriptor)?.[1];
  return { driver: "vmdk", words: `a VMware disk (VMDK${kind === undefined ? "" : `, ${kind}`})` };
}

/** A copy of the footer at the beginning (Virtual Hard Disk Image Format 1.0, "Hard Disk Footer Format"): its type at 60. */
function readVhd(head: Buffer): ForeignDisk | DiskRefusal {
  if (head.length < 2 * sector) {
    return { refusal: "is truncated: its VHD header is not complete", todo: again };
  }
  const kind = head.readUInt32BE(60);
  if (kind === 3) return { driver: "vpc", words: "a Hyper-V disk (dynamic VHD)" };
  if (kind === 4) {
    return {
      refusal: `is a VHD with a parent: it is not a whole disk, ${otherFiles}`,
      todo: whole,
    };
  }
  return { refusal: "is damaged: its VHD header makes no sense", todo: again };
}
