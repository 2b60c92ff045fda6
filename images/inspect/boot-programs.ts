/**
 * For which architecture the programs are that a disk boots: EFI programs of its boot partitions (boot loaders, unified
 * kernels, kernels with an EFI stub), bare kernels, and GRUB's code in the MBR. They are found by their headers, since the
 * files of FAT, ext4 and XFS begin at the beginning of a sector; no file system has to be understood and nothing is mounted.
 */
import { type FileHandle, open } from "node:fs/promises";
import { espType } from "./architecture.ts";
import type { DiskReader } from "./disk-reader.ts";
import type { Partition } from "./partition-table.ts";

/** /boot of the Boot Loader Specification (uapi-group.org); the kernels of others lie on a plain Linux partition. */
const bootTypes = [
  espType,
  "bc13c2ff-59e6-4262-a352-b275fd6f7172",
  "0fc63daf-8483-4772-8e79-3d69d8477de4",
  "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
];
const sectorBytes = 512;
/** A larger partition is not one to boot from, or its programs lie far in front. */
const maxPartitionBytes = 2 * 1024 ** 3;
const maxReadBytes = 1024 ** 3;
const chunkBytes = 8 * 1024 ** 2;
/** A header of a program lies within this many bytes from its beginning. */
const headBytes = 1024;

/** Machine of a PE file (PE format, "Machine types"). */
const ofPe: Readonly<Record<number, string>> = {
  34404: "x86_64",
  43620: "aarch64",
  332: "i686",
  448: "armv7hl",
  450: "armv7hl",
  452: "armv7hl",
  20580: "riscv64",
  25188: "loongarch64",
};

/** What the program that begins at `at` is for, or null where none does: EFI, x86 (Linux, boot.rst), arm64 and RISC-V kernels (booting.rst, boot-image-header.rst). Pure. */
export function machineOfProgram(bytes: Buffer, at = 0): string | null {
  if (at + headBytes > bytes.length) return null;
  if (bytes.readUInt16LE(at) === 0x5a4d) {
    const machine = machineOfPe(bytes, at);
    if (machine !== null) return machine;
  }
  if (bytes.readUInt32LE(at + 0x202) === 0x53726448 && bytes.readUInt16LE(at + 0x1fe) === 0xaa55) {
    const is64 = bytes.readUInt16LE(at + 0x206) >= 0x20c && (bytes[at + 0x236] ?? 0) % 2 === 1;
    return is64 ? "x86_64" : "i686";
  }
  const magic = bytes.readUInt32LE(at + 56);
  if (magic === 0x644d5241) return "aarch64";
  return magic === 0x05435352 ? "riscv64" : null;
}

function machineOfPe(bytes: Buffer, at: number): string | null {
  const pe = bytes.readUInt32LE(at + 0x3c);
  if (pe < 0x40 || pe + 94 > headBytes) return null;
  const header = at + pe;
  if (bytes.readUInt32LE(header) !== 0x4550) return null;
  // Only what firmware starts: applications and drivers of EFI, not programs of Windows.
  const subsystem = bytes.readUInt16LE(header + 24 + 68);
  if (subsystem < 10 || subsystem > 13) return null;
  return ofPe[bytes.readUInt16LE(header + 4)] ?? null;
}

/** Code of GRUB for BIOS in an MBR; other code does not prove anything, since parted writes x86 code onto disks of any architecture. Pure. */
export const architectureOfMbrCode = (head: Buffer): string | null =>
  /GRUB \0Geom\0|ISOLINUX|SYSLINUX|Missing operating system/.test(head.toString("latin1", 0, 440))
    ? "x86_64"
    : null;

/** The one architecture of the programs on the disk's boot partitions, or null: none is there, or they are of two minds. */
export async function architectureOfBootPrograms(
  disk: DiskReader,
  partitions: readonly Partition[],
): Promise<string | null> {
  const wanted = partitions
    .filter(({ type, startBytes, endBytes }) => {
      return bootTypes.includes(type) && endBytes - startBytes <= maxPartitionBytes;
    })
    .sort((one, other) => bootTypes.indexOf(one.type) - bootTypes.indexOf(other.type));
  for (const { startBytes, endBytes } of wanted) {
    const length = Math.min(endBytes - startBytes, maxReadBytes);
    const found = await machinesIn(disk, startBytes, length);
    // A boot loader for 32-bit firmware stands beside that for 64 bits.
    if (found.size > 1) found.delete("i686");
    const [only] = found;
    if (only !== undefined && found.size === 1) return only;
  }
  return null;
}

async function machinesIn(disk: DiskReader, start: number, length: number): Promise<Set<string>> {
  const { path, format, signal } = disk.source;
  const isRaw = format === "raw";
  const file = await open(isRaw ? path : await disk.extract(start, length), "r");
  try {
    return await machinesInFile(file, isRaw ? start : 0, length, signal);
  } finally {
    await file.close();
  }
}

async function machinesInFile(
  file: FileHandle,
  start: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Set<string>> {
  const found = new Set<string>();
  const room = Buffer.alloc(chunkBytes + headBytes);
  for (let from = 0; from < length; from += chunkBytes) {
    signal?.throwIfAborted();
    const wanted = Math.min(room.length, length - from);
    const { bytesRead } = await file.read(room, 0, wanted, start + from);
    const bytes = room.subarray(0, bytesRead);
    for (let at = 0; at < Math.min(chunkBytes, bytesRead); at += sectorBytes) {
      const machine = machineOfProgram(bytes, at);
      if (machine !== null) found.add(machine);
    }
  }
  return found;
}
