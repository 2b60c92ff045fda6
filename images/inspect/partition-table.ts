/** Looks at a disk's partition table (MBR; GPT as in UEFI 2.10, 5.3.2) to tell a whole disk from a truncated one. Pure. */

export type TableFacts =
  | { readonly kind: "none" }
  /** `endBytes`: how long the disk has to be at least for its table to be true. */
  | { readonly kind: "mbr" | "gpt"; readonly endBytes: number }
  | { readonly kind: "damaged"; readonly reason: string };

const sectorSizes = [512, 4096] as const;
const protectiveType = 0xee;

/** Judges the first 8 KiB of a disk. */
export function readPartitionTable(head: Buffer): TableFacts {
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return { kind: "none" };
  for (const sector of sectorSizes) {
    if (head.toString("latin1", sector, sector + 8) !== "EFI PART") continue;
    if (head.length < sector + 40) break;
    const backup = head.readBigUInt64LE(sector + 32);
    if (backup > BigInt(Number.MAX_SAFE_INTEGER) / 4096n) break;
    return { kind: "gpt", endBytes: (Number(backup) + 1) * sector };
  }
  const partitions = mbrPartitions(head);
  if (partitions.some(({ type }) => type === protectiveType)) {
    return { kind: "damaged", reason: "it says that it has a GPT, and the GPT is not there" };
  }
  const ends = partitions.map(({ start, sectors }) => (start + sectors) * 512);
  return { kind: "mbr", endBytes: Math.max(512, ...ends) };
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
