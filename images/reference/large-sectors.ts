/**
 * Turns a disk of 512-byte sectors into one of 4096-byte sectors: a partition table counts in sectors, and so does a FAT
 * file system. UEFI only, since GRUB's BIOS images count in sectors of 512 bytes.
 */
import { mkdir, open, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { runTool } from "./privileged.ts";

const oldSector = 512;
/** Bytes in a sector of the disk that comes out. */
export const largeSectorBytes = 4096;
const scale = BigInt(largeSectorBytes / oldSector);

/** Fields of a GPT header, their offsets in bytes (UEFI 2.10, 5.3.2). */
const header = {
  crc: 16,
  self: 24,
  other: 32,
  firstUsable: 40,
  lastUsable: 48,
  entries: 72,
  count: 80,
  entriesCrc: 88,
} as const;
const headerBytes = 92;
const entryBytes = 128;

/** Both copies of a table, and where each of their parts goes, in sectors of 4096 bytes. */
export interface LargeTable {
  readonly parts: readonly { readonly sector: number; readonly bytes: Buffer }[];
}

/** The table in `head`, the beginning of a disk of 512-byte sectors, for large ones. Partitions have to begin and end on 4096 bytes. Pure. */
export function largeTable(head: Buffer, diskBytes: number): LargeTable {
  const old = head.subarray(oldSector, oldSector + headerBytes);
  const count = old.readUInt32LE(header.count);
  const entries = Buffer.from(head.subarray(2 * oldSector, 2 * oldSector + count * entryBytes));
  for (let at = 0; at < entries.length; at += entryBytes) {
    const first = entries.readBigUInt64LE(at + 32);
    if (first === 0n) continue;
    entries.writeBigUInt64LE(first / scale, at + 32);
    entries.writeBigUInt64LE((entries.readBigUInt64LE(at + 40) + 1n) / scale - 1n, at + 40);
  }
  const last = diskBytes / largeSectorBytes - 1;
  const entrySectors = Math.ceil(entries.length / largeSectorBytes);
  const copy = (self: number, other: number, entriesAt: number): Buffer => {
    const made = Buffer.from(old);
    made.writeBigUInt64LE(BigInt(self), header.self);
    made.writeBigUInt64LE(BigInt(other), header.other);
    made.writeBigUInt64LE(BigInt(2 + entrySectors), header.firstUsable);
    made.writeBigUInt64LE(BigInt(last - entrySectors - 1), header.lastUsable);
    made.writeBigUInt64LE(BigInt(entriesAt), header.entries);
    made.writeUInt32LE(crc32(entries), header.entriesCrc);
    made.writeUInt32LE(0, header.crc);
    made.writeUInt32LE(crc32(made), header.crc);
    // The rest of the sector is zero, so that nothing of the old table is left in it.
    return Buffer.concat([made], largeSectorBytes);
  };
  const backup = last - entrySectors;
  const padded = Buffer.concat([entries], entrySectors * largeSectorBytes);
  return {
    parts: [
      { sector: 0, bytes: protectiveMbr(last) },
      { sector: 1, bytes: copy(1, last, 2) },
      { sector: 2, bytes: padded },
      { sector: backup, bytes: padded },
      { sector: last, bytes: copy(last, 1, backup) },
    ],
  };
}

/** One partition of type EE over the whole disk (UEFI 2.10, 5.2.3). */
function protectiveMbr(sectors: number): Buffer {
  const mbr = Buffer.alloc(largeSectorBytes);
  const entry = 446;
  mbr.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], entry);
  mbr.writeUInt32LE(1, entry + 8);
  mbr.writeUInt32LE(Math.min(sectors, 0xffffffff), entry + 12);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

/** Gives the raw disk `path` a table for large sectors in the place of its own. */
export async function useLargeSectors(path: string): Promise<void> {
  const disk = await open(path, "r+");
  try {
    const { size } = await disk.stat();
    const head = Buffer.alloc(64 * 1024);
    await disk.read(head, 0, head.length, 0);
    // The old second header is in the last 512 bytes, which the new one covers.
    for (const { sector, bytes } of largeTable(head, size).parts)
      await disk.write(bytes, 0, bytes.length, sector * largeSectorBytes);
  } finally {
    await disk.close();
  }
}

export interface LargeEsp {
  /** The file that is made. */
  readonly image: string;
  readonly bytes: number;
  /** An EFI system partition of small sectors, whose files it gets. */
  readonly from: string;
  /** Must not be there; removed again. */
  readonly scratch: string;
}

/** Makes an EFI system partition of large sectors with the files of a small one. So few clusters are a FAT16. */
export async function makeLargeEsp(
  { image, bytes, from, scratch }: LargeEsp,
  signal: AbortSignal,
): Promise<void> {
  await writeFile(image, "");
  await truncate(image, bytes);
  const run = (file: string, args: readonly string[]): Promise<unknown> =>
    runTool(file, args, { signal });
  const shape = ["-F", "16", "-S", `${largeSectorBytes}`, "-n", "ESP", "-i", "b0079a7e"];
  await run("mkfs.vfat", [...shape, image]);
  await mkdir(scratch);
  await run("mcopy", ["-s", "-i", from, "::EFI", scratch]);
  await run("mcopy", ["-s", "-i", image, join(scratch, "EFI"), "::"]);
  await rm(scratch, { recursive: true });
}
