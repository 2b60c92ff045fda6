/**
 * Reads what an ext4 file system's journal still has to bring to its place: after a power cut the kernel does so at the next mount, and
 * GRUB does not. It is needed apart from e2fsck, which cannot replay a journal without changing the file for good.
 * The format is jbd2's (kernel documentation, filesystems/ext4/journal.rst; include/linux/jbd2.h). Numbers are big-endian. Checksums
 * are not looked at: a commit block is written behind a flush of what it commits. Pure but for `read`.
 */

/** A block that the kernel would write. */
export interface JournalWrite {
  /** From the beginning of the file system. */
  readonly startBytes: number;
  readonly bytes: Buffer;
}

/** What the file system's superblock tells (filesystems/ext4/super.rst; little-endian). */
export interface Ext4Facts {
  readonly blockBytes: number;
  readonly needsRecovery: boolean;
}

export const superblockAt = 1024;
export const superblockBytes = 1024;

/** Reads an ext4 superblock; null for what is not one. */
export function readExt4(superblock: Buffer): Ext4Facts | null {
  if (superblock.length < superblockBytes || superblock.readUInt16LE(0x38) !== 0xef53) return null;
  const shift = superblock.readUInt32LE(0x18);
  if (shift > 6) return null;
  return {
    blockBytes: 1024 << shift,
    needsRecovery: (superblock.readUInt32LE(0x60) & 0x4) !== 0,
  };
}

const journalMagic = 0xc03b3998;
const types = { descriptor: 1, commit: 2, superblock1: 3, superblock2: 4, revoke: 5 } as const;
const incompatible = { wide: 0x2, checksum2: 0x8, checksum3: 0x10, fastCommit: 0x20 } as const;
const tagFlags = { escape: 1, sameUuid: 2, last: 8 } as const;

interface Tag {
  readonly block: number;
  readonly isEscaped: boolean;
}

interface Geometry {
  readonly blockBytes: number;
  readonly first: number;
  readonly length: number;
  readonly features: number;
}

/** Reads a block of the journal by its place in it. */
export type ReadJournalBlock = (place: number) => Promise<Buffer>;

/**
 * All that the journal's committed transactions write, the last one of each block. Null where it has features that are not known here
 * (fast commits), or is damaged.
 */
export async function readJournal(
  read: ReadJournalBlock,
  blockBytes: number,
): Promise<JournalWrite[] | null> {
  const head = await read(0);
  if (head.length < 1024 || head.readUInt32BE(0) !== journalMagic) return null;
  const type = head.readUInt32BE(4);
  if (type !== types.superblock1 && type !== types.superblock2) return null;
  const geometry = {
    blockBytes: head.readUInt32BE(12),
    length: head.readUInt32BE(16),
    first: head.readUInt32BE(20),
    features: type === types.superblock2 ? head.readUInt32BE(40) : 0,
  };
  const start = head.readUInt32BE(28);
  if (start === 0) return [];
  const isOdd = geometry.blockBytes !== blockBytes || geometry.first >= geometry.length;
  if (isOdd || (geometry.features & incompatible.fastCommit) !== 0) return null;
  return replay(read, { ...geometry, start, sequence: head.readUInt32BE(24) });
}

async function replay(
  read: ReadJournalBlock,
  { start, sequence: firstSequence, ...geometry }: Geometry & { start: number; sequence: number },
): Promise<JournalWrite[]> {
  const { length, first, blockBytes } = geometry;
  const next = (place: number): number => (place + 1 >= length ? first : place + 1);
  const revoked = new Map<number, number>();
  const committed: { readonly sequence: number; readonly tag: Tag; readonly place: number }[] = [];
  let open: { readonly tag: Tag; readonly place: number }[] = [];
  let openRevoked: number[] = [];
  let sequence = firstSequence;
  let place = start;
  // Each turn takes a block of the journal, which is a ring: one round at most.
  for (let turns = 0; turns < length; turns++) {
    const block = await read(place);
    if (block.length < blockBytes || block.readUInt32BE(0) !== journalMagic) break;
    if (block.readUInt32BE(8) !== sequence) break;
    const type = block.readUInt32BE(4);
    place = next(place);
    if (type === types.descriptor) {
      for (const tag of tagsOf(block, geometry)) {
        open.push({ tag, place });
        place = next(place);
      }
    } else if (type === types.revoke) openRevoked.push(...revokedBy(block, geometry));
    else if (type === types.commit) {
      committed.push(...open.map((one) => ({ ...one, sequence })));
      for (const number of openRevoked) revoked.set(number, sequence);
      open = [];
      openRevoked = [];
      sequence = (sequence + 1) >>> 0;
    } else break;
  }
  const last = new Map<number, { readonly tag: Tag; readonly place: number }>();
  for (const one of committed)
    if (one.sequence > (revoked.get(one.tag.block) ?? -1)) last.set(one.tag.block, one);
  const writes: JournalWrite[] = [];
  for (const { tag, place: at } of last.values()) {
    const bytes = Buffer.from(await read(at));
    // Data that would look like a block of the journal's own is stored without its first word.
    if (tag.isEscaped) bytes.writeUInt32BE(journalMagic, 0);
    writes.push({ startBytes: tag.block * blockBytes, bytes });
  }
  return writes;
}

/** `journal_tag_bytes` of fs/jbd2/journal.c. */
function tagBytes(features: number): number {
  if ((features & incompatible.checksum3) !== 0) return 16;
  const bytes = (features & incompatible.checksum2) !== 0 ? 14 : 12;
  return (features & incompatible.wide) !== 0 ? bytes : bytes - 4;
}

function tagsOf(block: Buffer, { features }: Geometry): Tag[] {
  const size = tagBytes(features);
  const isThird = (features & incompatible.checksum3) !== 0;
  const isWide = (features & incompatible.wide) !== 0;
  const tags: Tag[] = [];
  for (let at = 12; at + size <= block.length; ) {
    const flags = isThird ? block.readUInt32BE(at + 4) : block.readUInt16BE(at + 6);
    const high = isWide ? block.readUInt32BE(at + 8) : 0;
    tags.push({
      block: high * 2 ** 32 + block.readUInt32BE(at),
      isEscaped: (flags & tagFlags.escape) !== 0,
    });
    if ((flags & tagFlags.last) !== 0) break;
    at += size + ((flags & tagFlags.sameUuid) === 0 ? 16 : 0);
  }
  return tags;
}

function revokedBy(block: Buffer, { features }: Geometry): number[] {
  const isWide = (features & incompatible.wide) !== 0;
  const end = Math.min(block.readUInt32BE(12), block.length);
  const found: number[] = [];
  for (let at = 16; at + (isWide ? 8 : 4) <= end; at += isWide ? 8 : 4)
    found.push(isWide ? Number(block.readBigUInt64BE(at)) : block.readUInt32BE(at));
  return found;
}
