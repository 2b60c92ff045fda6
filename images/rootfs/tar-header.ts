/**
 * The 512 bytes before each entry of a tar archive, and the records of a PAX header (tar(5) of libarchive, pax(1) of
 * POSIX). By hand, because each library for Node decodes PAX records as UTF-8: that destroys the bytes of
 * security.capability and names that are not UTF-8 (docs/decisions, 9).
 */

/** The archive is not what a tar archive may be, or holds what a layer may not. The message is the end of a sentence. */
export class TarMalformed extends Error {}

export interface TarHeader {
  /** Bytes as a string of one character each (latin1), since a name need not be UTF-8. */
  readonly name: string;
  readonly link: string;
  /** The type flag: one character. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

export const blockBytes = 512;

/** Reads a header. Null for a block of zeros, which ends an archive. Throws TarMalformed. */
export function parseHeader(block: Buffer): TarHeader | null {
  if (!hasRightSum(block)) {
    if (block.every((byte) => byte === 0)) return null;
    throw new TarMalformed("it has a header whose checksum is wrong");
  }
  const isUstar = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const flag = block.toString("latin1", 156, 157);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    link: text(block, 157, 100),
    type: flag === "\0" ? "0" : flag,
    mode: numberOf(block, 100, 8, "mode"),
    uid: numberOf(block, 108, 8, "owner"),
    gid: numberOf(block, 116, 8, "group"),
    size: numberOf(block, 124, 12, "size"),
    mtime: numberOf(block, 136, 12, "time"),
    major: isDevice(flag) ? numberOf(block, 329, 8, "device") : 0,
    minor: isDevice(flag) ? numberOf(block, 337, 8, "device") : 0,
  };
}

const isDevice = (flag: string): boolean => flag === "3" || flag === "4";

/** The sum of all bytes with the field of the sum as blanks; old writers summed signed bytes. */
function hasRightSum(block: Buffer): boolean {
  let unsigned = 8 * 32;
  let signed = 8 * 32;
  for (let at = 0; at < blockBytes; at++) {
    if (at === 148) at = 156;
    const byte = block[at] ?? 0;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const said = octal(block.toString("latin1", 148, 156));
  return said === unsigned || said === signed;
}

function text(block: Buffer, from: number, length: number): string {
  const end = block.indexOf(0, from);
  const limit = from + length;
  return block.toString("latin1", from, end === -1 || end > limit ? limit : end);
}

const octal = (field: string): number | null => {
  const digits = /^[ \0]*([0-7]*)[ \0]*$/.exec(field.replace(/\0.*$/su, ""))?.[1];
  if (digits === undefined) return null;
  return digits === "" ? 0 : Number.parseInt(digits, 8);
};

/** Octal digits, or big-endian binary where the first bit is set (GNU). */
export function numberOf(block: Buffer, from: number, length: number, what: string): number {
  const first = block[from] ?? 0;
  if (first < 0x80) {
    const value = octal(block.toString("latin1", from, from + length));
    if (value !== null) return value;
    throw new TarMalformed(`it has a header whose ${what} is not a number`);
  }
  let value = BigInt.asIntN(7, BigInt(first & 0x7f));
  for (let at = from + 1; at < from + length; at++) value = value * 256n + BigInt(block[at] ?? 0);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw new TarMalformed(`it has a header whose ${what} is beyond all limits`);
  return Number(value);
}

const sparsePlace = /^GNU\.sparse\.(?:offset|numbytes)$/;

/** The records of a PAX header: keys as text, values as bytes; the last of a key counts. Throws TarMalformed. */
export function parsePax(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  const places: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const said = blank === -1 ? "" : bytes.toString("latin1", at, Math.min(blank, at + 20));
    const length = /^\d{1,10}$/.test(said) ? Number(said) : 0;
    const end = at + length;
    const equals = bytes.indexOf(0x3d, blank);
    if (end > bytes.length || equals === -1 || equals >= end || bytes[end - 1] !== 0x0a)
      throw new TarMalformed("it has a PAX header that is malformed");
    const key = bytes.toString("latin1", blank + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    // Version 0.0 of GNU tar's sparse maps: the only keys that come again and again.
    if (sparsePlace.test(key)) places.push(value.toString("latin1"));
    else records.set(key, value);
    at = end;
  }
  if (places.length > 0) records.set("GNU.sparse.map", Buffer.from(places.join(","), "latin1"));
  return records;
}
