/**
 * Where on a disk a file of the guest lies, below its file system. What filefrag and btrfs say of it is believed only once
 * the disk itself shows the bytes of the file there: encryption, compression, a mapped device or a second disk would make it wrong.
 * Facts: filefrag(8), kernel documentation `filesystems/fiemap.rst`; xfstests changes blocks below fs-verity by the same (`generic/574`).
 */
import { blockCommands } from "../block-commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";
import type { FileObject } from "./objects.ts";
import { createOstree, type Mount } from "./ostree.ts";

export interface Extent {
  /** Bytes from the beginning of the file. */
  readonly logical: number;
  /** Bytes from the beginning of what the file system is made of; with btrfs an address of its own. */
  readonly physical: number;
  readonly bytes: number;
  readonly flags: readonly string[];
}

/** A piece of a disk that is read and written as one. */
export interface Block {
  readonly device: string;
  /** Bytes: 512, 1024, 2048 or 4096. */
  readonly size: number;
  /** Counted in its size from the beginning of the device. */
  readonly number: number;
}

export interface OwnBlock {
  readonly file: FileObject;
  /** What the file begins with, and nothing else. */
  readonly block: Block;
  /** The file system has a checksum of the file's data. */
  readonly isChecksummed: boolean;
}

export interface BlocksReader {
  /** The first of the files whose beginning lies on a disk as it is; or why there is none, as a sentence. */
  ownBlock(files: readonly FileObject[]): Promise<OwnBlock | { readonly whyNot: string }>;
  /** Past the kernel's cache; null where the disk is not read so. */
  read(block: Block): Promise<Buffer | null>;
}

const header = /^File size of (\/.+) is \d+ \(\d+ blocks? of 1 bytes\)$/;
const row = /^ *\d+: *(\d+)\.\. *\d+: *(\d+)\.\. *\d+: *(\d+): *(?:\d+: *)?([\w,]*)$/;

/** Reads `filefrag -v -b1`: file → its extents. */
export function parseExtents(text: string): ReadonlyMap<string, readonly Extent[]> {
  const found = new Map<string, Extent[]>();
  let current: Extent[] = [];
  for (const line of text.split("\n")) {
    const path = header.exec(line)?.[1];
    if (path !== undefined) {
      current = [];
      found.set(path, current);
    }
    const [, logical, physical, bytes, flags] = row.exec(line) ?? [];
    if (flags === undefined) continue;
    current.push({
      ...{ logical: Number(logical), physical: Number(physical), bytes: Number(bytes) },
      flags: flags.split(",").filter(Boolean),
    });
  }
  return found;
}

/** Flags that say nothing against a place; every other one does (kernel documentation, `filesystems/fiemap.rst`). */
const harmless = ["last", "eof", "merged"];

const isPlain = ({ logical, physical, flags }: Extent): boolean =>
  logical === 0 && physical > 0 && flags.every((flag) => harmless.includes(flag));

interface Chunk {
  readonly start: number;
  readonly bytes: number;
  /** One for each copy or stripe. */
  readonly offsets: readonly number[];
}

/** Reads the chunks of `btrfs inspect-internal dump-tree -t chunk`. */
export function parseChunks(text: string): Chunk[] {
  const [, ...items] = text.split(/^\titem \d+ key /m);
  return items.flatMap((item) => {
    const start = /^\(FIRST_CHUNK_TREE CHUNK_ITEM (\d+)\)/.exec(item)?.[1];
    const bytes = /^\t\tlength (\d+) /m.exec(item)?.[1];
    if (start === undefined || bytes === undefined) return [];
    const offsets = [...item.matchAll(/^\t\t\tstripe \d+ devid \d+ offset (\d+)$/gm)];
    return [
      {
        ...{ start: Number(start), bytes: Number(bytes) },
        offsets: offsets.map(([, offset]) => Number(offset)),
      },
    ];
  });
}

/** Where an address of a btrfs lies on its one device; null where it lies there several times or in stripes, or nowhere. */
export function placeInChunks(chunks: readonly Chunk[], address: number): number | null {
  const chunk = chunks.find(({ start, bytes }) => address >= start && address < start + bytes);
  const [offset, another] = chunk?.offsets ?? [];
  if (chunk === undefined || offset === undefined || another !== undefined) return null;
  return offset + address - chunk.start;
}

/** The largest piece of a disk that begins at a byte, and that an extent of this length has for itself. */
export function blockAt(device: string, at: number, bytes: number): Block | null {
  const size = [4096, 2048, 1024, 512].find((one) => at % one === 0 && bytes % one === 0);
  return size === undefined ? null : { device, size, number: at / size };
}

/** The device of a mount; findmnt names the folder or subvolume of it that is mounted in brackets. */
const deviceOf = ({ source }: Mount): string | null =>
  /^(\/dev\/[\w./+-]{1,200})(?:\[.*\])?$/.exec(source)?.[1] ?? null;

async function bytesOf(io: GuestIo, command: string): Promise<Buffer | null> {
  const { stdout } = await mustExec(io, command);
  return stdout === "" ? null : Buffer.from(stdout, "base64");
}

/** The lowest device that the guest shows to have a byte of a device, and where. */
async function below(io: GuestIo, device: string, at: number) {
  const { stdout } = await mustExec(io, blockCommands.partition(device));
  const [, disk, sector] = /^([\w!-]{1,60}) (\d{1,15})$/.exec(stdout.trim()) ?? [];
  if (disk === undefined) return { device, at };
  return { device: `/dev/${disk.replaceAll("!", "/")}`, at: Number(sector) * 512 + at };
}

async function isChecksummed(io: GuestIo, { fstype, options }: Mount, object: string) {
  if (fstype !== "btrfs" || options.some((one) => /^nodata(?:sum|cow)$/.test(one))) return false;
  const { stdout } = await io.exec(blockCommands.attributes(object));
  return /^[\w-]+ /.test(stdout) && !/^[\w-]*C/.test(stdout);
}

/** Where a place that FIEMAP tells lies on the device of a mount; null where that cannot be told. */
async function onDevice(io: GuestIo, { fstype }: Mount, device: string, physical: number) {
  if (fstype !== "btrfs") return physical;
  const { stdout } = await io.exec(blockCommands.btrfsChunks(device));
  return placeInChunks(parseChunks(stdout), physical);
}

interface Found {
  readonly file: FileObject;
  readonly extent: Extent;
}

/** The first of the files that begins in an extent of its own; else why there is none. */
async function findPlain(io: GuestIo, files: readonly FileObject[]): Promise<Found | string> {
  const told = await io.exec(blockCommands.extents(files.map(({ object }) => object)));
  if (told.exitCode === 127)
    return "The image does not have filefrag (e2fsprogs), which tells where a file lies on a disk.";
  const extents = parseExtents(told.stdout);
  const firsts = files.flatMap((file) => {
    const extent = extents.get(file.object)?.[0];
    return extent === undefined ? [] : [{ file, extent }];
  });
  const found = firsts.find(({ extent }) => isPlain(extent));
  if (found !== undefined) return found;
  const flags = new Set(firsts.flatMap(({ extent }) => extent.flags));
  const why = [...flags].filter((flag) => !harmless.includes(flag)).join(", ");
  return `None of ${files.length} small files has a block of the disk as it is and for itself (${why || "filefrag tells of none"}).`;
}

/** Blocks of the disks of a guest. */
export function blocksOf(io: GuestIo): BlocksReader {
  const read = (block: Block): Promise<Buffer | null> => bytesOf(io, blockCommands.piece(block));
  return {
    read,
    async ownBlock(files) {
      const mount = await createOstree(io).mount("/sysroot");
      const device = mount === null ? null : deviceOf(mount);
      if (mount === null || device === null)
        return { whyNot: "/sysroot is not told to lie on a block device." };
      const found = await findPlain(io, files);
      if (typeof found === "string") return { whyNot: found };
      const { file, extent } = found;
      const physical = await onDevice(io, mount, device, extent.physical);
      if (physical === null)
        return { whyNot: "btrfs has the file more than once or in stripes, or cannot be asked." };
      const lowest = await below(io, device, physical);
      const block = blockAt(lowest.device, lowest.at, extent.bytes);
      if (block === null) return { whyNot: "The file does not begin with a sector of the disk." };
      const length = Math.min(block.size, file.bytes);
      const onDisk = await read(block);
      const inFile = await bytesOf(io, blockCommands.beginning(file.object, length));
      if (onDisk === null)
        return { whyNot: `${block.device} cannot be read past the kernel's cache.` };
      if (inFile?.length !== length || !onDisk.subarray(0, length).equals(inFile))
        return {
          whyNot: `${block.device} does not show the file where its file system says that it lies: it is encrypted, compressed or mapped.`,
        };
      return { file, block, isChecksummed: await isChecksummed(io, mount, file.object) };
    },
  };
}
