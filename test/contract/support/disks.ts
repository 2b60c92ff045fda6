// Raw disks of a few megabytes with a true GPT, both copies and all checksums.

import { crc32 } from "node:zlib";
import { frozen } from "../../golden/frozen.ts";

export const MiB = 1024 * 1024;

/** Partition types, as GUIDs. */
export const types = frozen({
  linux: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  esp: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  rootX8664: "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
  rootArm64: "b921b045-1df0-41c3-af44-4c6f280d3fae",
  rootS390x: "5eead9a9-fe09-4a1e-a1d7-520d00531306",
} as const);

export interface DiskShape {
  readonly bytes?: number;
  readonly sectorBytes?: number;
  /** One partition each, of a MiB, from 1 MiB on. */
  readonly types?: readonly string[];
}

/** A disk with noise behind its table. */
export function gptDisk({
  bytes = 4 * MiB,
  sectorBytes = 512,
  types: wanted = [types.rootX8664],
}: DiskShape = {}): Buffer {
  const disk = Buffer.alloc(bytes);
  for (let at = MiB; at < bytes - MiB; at += 997) disk[at] = at % 251;
  const last = bytes / sectorBytes - 1;
  disk[450] = 0xee;
  disk.writeUInt32LE(1, 454);
  disk.writeUInt32LE(last, 458);
  disk.writeUInt16LE(0xaa55, 510);
  const entries = Buffer.alloc(128 * 128);
  for (const [index, type] of wanted.entries()) {
    const at = index * 128;
    guid(type).copy(entries, at);
    guid(types.linux).copy(entries, at + 16);
    entries.writeBigUInt64LE(BigInt(((index + 1) * MiB) / sectorBytes), at + 32);
    entries.writeBigUInt64LE(BigInt(((index + 2) * MiB) / sectorBytes - 1), at + 40);
  }
  const entrySectors = entries.length / sectorBytes;
  const copies = [
    { at: 1, other: last, first: 2 },
    { at: last, other: 1, first: last - entrySectors },
  ];
  for (const { at, other, first } of copies) {
    entries.copy(disk, first * sectorBytes);
    const header = disk.subarray(at * sectorBytes, at * sectorBytes + 92);
    header.write("EFI PART", 0, "latin1");
    header.writeUInt32LE(0x10000, 8);
    header.writeUInt32LE(92, 12);
    header.writeBigUInt64LE(BigInt(at), 24);
    header.writeBigUInt64LE(BigInt(other), 32);
    header.writeBigUInt64LE(BigInt(first), 72);
    header.writeUInt32LE(128, 80);
    header.writeUInt32LE(128, 84);
    header.writeUInt32LE(crc32(entries), 88);
    header.writeUInt32LE(crc32(header), 16);
  }
  return disk;
}

function guid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
