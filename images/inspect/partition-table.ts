/**
 * Reads a disk's partition table (MBR; GPT as in UEFI 2.10, 5.3) to tell a whole disk from a truncated or damaged one,
 * what sectors it was made for and what its partitions say of the architecture. Pure.
 */
import { crc32 } from "node:zlib";
import type { SectorBytes } from "../image.ts";

/** A partition; both ends in bytes from the disk's beginning, the last one not included. */
export interface Partition {
  /** GUID of its type, in small letters; for an MBR, the GUID that means the same. */
  readonly type: string;
  readonly startBytes: number;
  readonly endBytes: number;
}

export interface GptFacts {
  readonly kind: "gpt";
  readonly sectorBytes: SectorBytes;
  /** How long the disk has to be at least for its table to be true. */
  readonly endBytes: number;
  /** Where the second copy of the header is, in bytes from the disk's beginning. */
  readonly backupBytes: number;
  /** Whether header and entries have the checksums that the header names. */
  readonly isSound: boolean;
  readonly partitions: readonly Partition[];
}

export type TableFacts =
  | { readonly kind: "none" }
  | {
      readonly kind: "mbr";
      readonly endBytes: number;
      readonly partitions: readonly Partition[];
    }
  | GptFacts
  | { readonly kind: "damaged"; readonly reason: string };

/** Bytes from the disk's beginning that hold the whole table: MBR, header and 128 entries, in sectors of 4096. */
export const tableBytes = 24 * 1024;

const sectorSizes = [512, 4096] as const;
const protectiveType = 0xee;
const maxEntries = 1024;

/** Judges the beginning of a disk, `tableBytes` of it where it has as many. */
export function readPartitionTable(head: Buffer): TableFacts {
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return { kind: "none" };
  const entries = mbrPartitions(head);
  // A header that was left behind means nothing where the MBR does not speak of a GPT (UEFI 2.10, 5.2.3).
  if (entries.some(({ type }) => type === protectiveType)) {
    const found = sectorSizes.flatMap((sector) => readGpt(head, sector) ?? []);
    const missing = "it says that it has a GPT, and the GPT is not there";
    // Two headers: one is left from a disk of other sectors. The sound one counts, and of two sound ones the usual.
    return found.find(({ isSound }) => isSound) ?? found[0] ?? { kind: "damaged", reason: missing };
  }
  const ends = entries.map(({ start, sectors }) => (start + sectors) * 512);
  const partitions = entries.flatMap(({ type, start, sectors }, index) => {
    const guid = ofMbrType[type];
    const endBytes = ends[index] ?? 0;
    return guid === undefined || sectors === 0
      ? []
      : [{ type: guid, startBytes: start * 512, endBytes }];
  });
  return { kind: "mbr", endBytes: Math.max(512, ...ends), partitions };
}

/** Types of an MBR from which something boots: EFI (UEFI 2.10, 5.2.2), Linux, and the FAT of boards. */
const ofMbrType: Readonly<Record<number, string>> = {
  239: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  131: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  234: "bc13c2ff-59e6-4262-a352-b275fd6f7172",
  6: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
  11: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
  12: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
  14: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
};

/** Whether a header (a sector of it, either copy) is there and has the checksum that it names. */
export function isSoundHeader(sector: Buffer): boolean {
  if (sector.length < 92 || sector.toString("latin1", 0, 8) !== "EFI PART") return false;
  const size = sector.readUInt32LE(12);
  if (size < 92 || size > sector.length) return false;
  const header = Buffer.from(sector.subarray(0, size));
  header.writeUInt32LE(0, 16);
  return crc32(header) === sector.readUInt32LE(16);
}

function readGpt(head: Buffer, sectorBytes: SectorBytes): GptFacts | null {
  const header = head.subarray(sectorBytes, 2 * sectorBytes);
  if (header.length < 92 || header.toString("latin1", 0, 8) !== "EFI PART") return null;
  const backup = header.readBigUInt64LE(32);
  if (backup > BigInt(Number.MAX_SAFE_INTEGER) / 4096n) return null;
  const first = header.readBigUInt64LE(72);
  const count = header.readUInt32LE(80);
  const size = header.readUInt32LE(84);
  const fits = first <= 64n && count <= maxEntries && size >= 128 && size <= 512;
  const start = Number(first) * sectorBytes;
  const entries = fits ? head.subarray(start, start + count * size) : Buffer.alloc(0);
  const isWhole = fits && entries.length === count * size;
  const isSound = isSoundHeader(header) && (!isWhole || crc32(entries) === header.readUInt32LE(88));
  const partitions = isSound && isWhole ? partitionsOf(entries, size, sectorBytes) : [];
  const backupBytes = Number(backup) * sectorBytes;
  const ends = [backupBytes + sectorBytes, ...partitions.map(({ endBytes }) => endBytes)];
  return {
    kind: "gpt",
    sectorBytes,
    endBytes: Math.max(...ends),
    backupBytes,
    isSound,
    partitions,
  };
}

function partitionsOf(entries: Buffer, size: number, sectorBytes: number): Partition[] {
  const found: Partition[] = [];
  for (let at = 0; at + size <= entries.length; at += size) {
    const type = guidAt(entries, at);
    if (/^[0-]+$/.test(type)) continue;
    const startBytes = Number(entries.readBigUInt64LE(at + 32)) * sectorBytes;
    const endBytes = (Number(entries.readBigUInt64LE(at + 40)) + 1) * sectorBytes;
    found.push({ type, startBytes, endBytes });
  }
  return found;
}

/** The first three groups of a GUID are stored with the small end first (UEFI 2.10, appendix A). */
function guidAt(bytes: Buffer, at: number): string {
  const hex = (start: number, end: number, isTurned: boolean): string => {
    const part = Buffer.from(bytes.subarray(at + start, at + end));
    return (isTurned ? part.reverse() : part).toString("hex");
  };
  return [
    hex(0, 4, true),
    hex(4, 6, true),
    hex(6, 8, true),
    hex(8, 10, false),
    hex(10, 16, false),
  ].join("-");
}

function mbrPartitions(head: Buffer): { type: number; start: number; sectors: number }[] {
  const entries = [446, 462, 478, 494].map((offset) => ({
    status: head[offset] ?? 0xff,
    type: head[offset + 4] ?? 0,
    start: head.readUInt32LE(offset + 8),
    sectors: head.readUInt32LE(offset + 12),
  }));
  // A file system's boot sector has the same signature and code in the place of the table.
  const isTable = entries.every(({ status }) => status === 0 || status === 0x80);
  return isTable ? entries.filter(({ type }) => type !== 0) : [];
}
