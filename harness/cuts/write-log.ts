/**
 * Reads a record of all that was written to a disk, in the format of Linux's dm-log-writes (drivers/md/dm-log-writes.c), as QEMU's
 * filter `blklogwrites` writes it (QEMU, block/blklogwrites.c): a superblock in the first sector, then for each entry a sector that
 * tells what it is, and behind it the data of a write. All numbers are little-endian. Only the entries' own sectors are
 * read here; data stays in the file.
 *
 * QEMU counts entries in the superblock at each flush and each 4096 entries, so a record whose QEMU was killed has more behind those
 * that are counted. They are left out: they may be half written, and nothing of them was flushed.
 */
import { type FileHandle, open } from "node:fs/promises";
import { CannotTell } from "../base/errors.ts";

export interface LoggedWrite {
  /** A flush of all that was written before it. It has no sectors in QEMU's records, and may have some in others'. */
  readonly isFlush: boolean;
  /** The write itself is on the disk when it is done (FUA). QEMU records a flush behind it instead. */
  readonly isForced: boolean;
  /** The sectors hold nothing any more: read as zeros here. */
  readonly isDiscard: boolean;
  /** On the disk. */
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** Where its data begins in the record; null where it has none. */
  readonly dataAt: number | null;
  /** Where its entry begins in the record. */
  readonly entryAt: number;
}

export interface WriteLog {
  readonly sectorBytes: number;
  readonly entries: readonly LoggedWrite[];
  /** What lies behind the last entry that is counted, in bytes. */
  readonly uncountedBytes: number;
}

export interface Superblock {
  readonly entries: number;
  readonly sectorBytes: number;
}

/** `WRITE_LOG_MAGIC` and `WRITE_LOG_VERSION` of both sources. */
const magic = 0x6a736677736872n;
const version = 1n;
const flags = { flush: 1n, fua: 2n, discard: 4n, mark: 8n } as const;
const allFlags = 15n;
/** Bytes of a superblock, and of an entry, that mean something. */
const headBytes = 32;
/** An upgrade of a few GiB makes some 100,000 entries. */
const mostEntries = 4_000_000;
/** QEMU splits what is larger than this for itself (BDRV_REQUEST_MAX_BYTES is INT_MAX, rounded down). */
const mostBytes = 2 ** 31;

const damaged = (what: string): CannotTell =>
  new CannotTell(`The record of a disk's writes cannot be read: ${what}.`);

/** Reads the first bytes of a record. Throws CannotTell for what is not one. */
export function parseSuperblock(head: Buffer): Superblock {
  if (head.length < headBytes || head.every((byte) => byte === 0))
    throw damaged("it has no superblock, which QEMU writes at the disk's first flush");
  if (head.readBigUInt64LE(0) !== magic) throw damaged("it does not begin with the words of one");
  if (head.readBigUInt64LE(8) !== version)
    throw damaged(`it is of version ${head.readBigUInt64LE(8)}, and only 1 is known`);
  const entries = head.readBigUInt64LE(16);
  const sectorBytes = head.readUInt32LE(24);
  const isPower = sectorBytes !== 0 && (sectorBytes & (sectorBytes - 1)) === 0;
  if (!isPower || sectorBytes < 512 || sectorBytes > 65_536)
    throw damaged(`its sectors are said to have ${sectorBytes} bytes`);
  if (entries > BigInt(mostEntries))
    throw damaged(`it is said to have ${entries} entries, more than ${mostEntries}`);
  return { entries: Number(entries), sectorBytes };
}

/** Reads the words of one entry that begins at `entryAt` of the record. Throws CannotTell for what cannot be one. */
function parseEntry(
  head: Buffer,
  { entryAt, index, sectorBytes }: { entryAt: number; index: number; sectorBytes: number },
): LoggedWrite {
  const [sector, count, bits] = [0, 8, 16].map((at) => head.readBigUInt64LE(at)) as [
    bigint,
    bigint,
    bigint,
  ];
  if ((bits & ~allFlags) !== 0n) throw damaged(`entry ${index} has the flags ${bits}`);
  const size = BigInt(sectorBytes);
  if (sector * size > BigInt(Number.MAX_SAFE_INTEGER) / 2n)
    throw damaged(`entry ${index} begins at sector ${sector}`);
  const isDiscard = (bits & flags.discard) !== 0n;
  // A discard has no data and may be as large as the disk.
  if (count * size > (isDiscard ? BigInt(Number.MAX_SAFE_INTEGER) / 2n : BigInt(mostBytes)))
    throw damaged(`entry ${index} is said to be of ${count} sectors`);
  // What follows a mark is its text, padded to a sector; it is of nobody's disk.
  if ((bits & flags.mark) !== 0n)
    throw damaged(`entry ${index} is a mark, which QEMU never writes`);
  const lengthBytes = Number(count) * sectorBytes;
  return {
    isFlush: (bits & flags.flush) !== 0n,
    isForced: (bits & flags.fua) !== 0n,
    isDiscard,
    startBytes: Number(sector) * sectorBytes,
    lengthBytes,
    dataAt: isDiscard || count === 0n ? null : entryAt + sectorBytes,
    entryAt,
  };
}

/** Bytes that are read at once: entries lie close together where writes are small. */
const windowBytes = 64 * 1024;

/** Reads parts of a file in ascending order, by windows. */
class Window {
  readonly #file: FileHandle;
  #start = 0;
  #bytes = Buffer.alloc(0);

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async at(offset: number, length: number): Promise<Buffer> {
    const place = offset - this.#start;
    if (place < 0 || place + length > this.#bytes.length) {
      const buffer = Buffer.alloc(windowBytes);
      const { bytesRead } = await this.#file.read(buffer, 0, windowBytes, offset);
      this.#start = offset;
      this.#bytes = buffer.subarray(0, bytesRead);
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}

/** Reads all counted entries of a record. `diskBytes` is how long the disk is. Throws CannotTell for a record that is damaged or cut short. */
export async function readWriteLog(path: string, diskBytes: number): Promise<WriteLog> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const window = new Window(file);
    const { entries: count, sectorBytes } = parseSuperblock(await window.at(0, headBytes));
    const entries: LoggedWrite[] = [];
    let at = sectorBytes;
    for (let index = 0; index < count; index++) {
      const head = await window.at(at, headBytes);
      if (head.length < headBytes)
        throw damaged(`it ends in entry ${index} of ${count}: it was cut short`);
      const entry = parseEntry(head, { entryAt: at, index, sectorBytes });
      if (entry.startBytes + entry.lengthBytes > diskBytes)
        throw damaged(`entry ${index} ends behind the end of the disk`);
      at += sectorBytes + (entry.dataAt === null ? 0 : entry.lengthBytes);
      if (at > size) throw damaged(`it ends in entry ${index} of ${count}: it was cut short`);
      entries.push(entry);
    }
    return { sectorBytes, entries, uncountedBytes: size - at };
  } finally {
    await file.close();
  }
}
