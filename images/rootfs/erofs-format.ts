/**
 * Structures of EROFS on disk, uncompressed (Linux, fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst).
 * Kernels from 5.4 on mount it: superblock, extended inodes of 64 bytes, attributes behind the inode, directories in blocks.
 */
import type { Metadata, NodeKind } from "./node.ts";
import type { Xattr } from "./tar-reader.ts";

export const blockSize = 4096;
/** A node's number counts slots of this many bytes from the start of the file system. */
export const slotSize = 32;
export const inodeSize = 64;

const superblockAt = 1024;
const magic = 0xe0f5e1e2;
/** Feature bits that an old kernel may ignore: the superblock has a checksum; times are of the content. */
const compatibleFeatures = 0x1 | 0x2;

export interface Superblock {
  readonly rootNid: number;
  readonly inodes: number;
  readonly blocks: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** At most 15 bytes of ASCII. */
  readonly label: string;
}

/** The first block of the file system. */
export function encodeSuperblock(facts: Superblock): Buffer {
  const block = Buffer.alloc(blockSize);
  const field = block.subarray(superblockAt);
  field.writeUInt32LE(magic, 0);
  field.writeUInt32LE(compatibleFeatures, 8);
  field.writeUInt8(Math.log2(blockSize), 12);
  field.writeUInt16LE(facts.rootNid, 14);
  field.writeBigUInt64LE(BigInt(facts.inodes), 16);
  field.writeUInt32LE(facts.blocks, 36);
  field.set(facts.uuid.subarray(0, 16), 48);
  field.write(facts.label.slice(0, 15), 64, "latin1");
  field.writeUInt32LE(crc32c(field), 4);
  return block;
}

/** CRC-32C as the kernel computes it: begins with all ones and is not inverted at the end. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0x82f63b78);
  }
  return crc >>> 0;
}

/** Where the content of an inode is: in blocks from `startBlock` on, or right behind the inode. */
export type Place = "blocks" | "inline";

const typeBits: Readonly<Record<NodeKind, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
};
const dirTypes: Readonly<Record<NodeKind, number>> = {
  file: 1,
  directory: 2,
  char: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
};

export interface Inode {
  readonly kind: NodeKind;
  readonly meta: Metadata;
  readonly number: number;
  readonly links: number;
  readonly size: number;
  readonly place: Place;
  readonly startBlock: number;
  readonly major: number;
  readonly minor: number;
  /** Length of the encoded attributes. */
  readonly xattrBytes: number;
}

const plainLayout = 0;
const inlineLayout = 2;

export function encodeInode(inode: Inode): Buffer {
  const { meta } = inode;
  const out = Buffer.alloc(inodeSize);
  const layout = inode.place === "inline" ? inlineLayout : plainLayout;
  const isDevice = inode.kind === "char" || inode.kind === "block";
  out.writeUInt16LE(1 | (layout << 1), 0);
  out.writeUInt16LE(xattrCount(inode.xattrBytes), 2);
  out.writeUInt16LE(typeBits[inode.kind] | meta.mode, 4);
  out.writeBigUInt64LE(BigInt(inode.size), 8);
  out.writeUInt32LE(isDevice ? deviceNumber(inode.major, inode.minor) : inode.startBlock, 16);
  out.writeUInt32LE(inode.number, 20);
  out.writeUInt32LE(meta.uid, 24);
  out.writeUInt32LE(meta.gid, 28);
  out.writeBigInt64LE(BigInt(meta.mtime), 32);
  out.writeUInt32LE(meta.mtimeNanos, 40);
  out.writeUInt32LE(inode.links, 44);
  return out;
}

/** As the kernel's new_encode_dev: the minor's low byte, the major, the rest of the minor. */
const deviceNumber = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

const xattrHeaderSize = 12;
const xattrCount = (bytes: number): number => (bytes === 0 ? 0 : (bytes - xattrHeaderSize) / 4 + 1);

/** Namespaces that have a number on disk; the kernel offers no others of this file system. */
const prefixes: readonly (readonly [string, number])[] = [
  ["user.", 1],
  ["system.posix_acl_access", 2],
  ["system.posix_acl_default", 3],
  ["trusted.", 4],
  ["security.", 6],
];

const maxXattrNameBytes = 255;
/** Old kernels keep the length of all attributes of an inode in 16 bits. */
const maxXattrBytes = 0xffff;

/** The attributes as they stand behind an inode. Null where they are too large. Those of unknown namespaces are left out. */
export function encodeXattrs(xattrs: readonly Xattr[]): Buffer | null {
  const parts = xattrs.flatMap(({ name, value }): Buffer[] => {
    const [prefix, index] = prefixes.find(([start]) => name.startsWith(start)) ?? [];
    if (prefix === undefined || index === undefined) return [];
    const rest = name.slice(prefix.length);
    const entry = Buffer.alloc(alignTo(4 + rest.length + value.length, 4));
    if (rest.length > maxXattrNameBytes || value.length > maxXattrBytes) return [tooLarge];
    entry.writeUInt8(rest.length, 0);
    entry.writeUInt8(index, 1);
    entry.writeUInt16LE(value.length, 2);
    entry.write(rest, 4, "latin1");
    entry.set(value, 4 + rest.length);
    return [entry];
  });
  if (parts.length === 0) return none;
  if (parts.includes(tooLarge)) return null;
  const all = Buffer.concat([Buffer.alloc(xattrHeaderSize), ...parts]);
  return all.length > maxXattrBytes ? null : all;
}

const none = Buffer.alloc(0);
const tooLarge = Buffer.alloc(0);

export const alignTo = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

export interface DirectoryEntry {
  /** Bytes as latin1. */
  readonly name: string;
  readonly kind: NodeKind;
  readonly nid: number;
}

const direntSize = 12;

/** How many entries each block of a directory has, and the bytes of the last block. Entries are sorted by name. */
export function splitDirectory(names: readonly string[]): {
  readonly counts: readonly number[];
  readonly size: number;
} {
  const counts: number[] = [];
  let count = 0;
  let used = 0;
  for (const name of names) {
    const needed = direntSize + name.length;
    if (used + needed > blockSize) {
      counts.push(count);
      count = 0;
      used = 0;
    }
    count++;
    used += needed;
  }
  return { counts: [...counts, count], size: counts.length * blockSize + used };
}

/** The content of a directory. Each block has its entries first, then their names; the reader searches by halves. */
export function encodeDirectory(entries: readonly DirectoryEntry[]): Buffer {
  const { counts, size } = splitDirectory(entries.map(({ name }) => name));
  const out = Buffer.alloc(size);
  let index = 0;
  counts.forEach((count, block) => {
    let nameAt = count * direntSize;
    for (let slot = 0; slot < count; slot++) {
      const entry = entries[index++];
      if (entry === undefined) return;
      const at = block * blockSize + slot * direntSize;
      out.writeBigUInt64LE(BigInt(entry.nid), at);
      out.writeUInt16LE(nameAt, at + 8);
      out.writeUInt8(dirTypes[entry.kind], at + 10);
      out.write(entry.name, block * blockSize + nameAt, "latin1");
      nameAt += entry.name.length;
    }
  });
  return out;
}
