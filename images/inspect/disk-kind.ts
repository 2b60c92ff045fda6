/** What a file looks like from its first bytes, in words; for telling people what they gave us instead of a disk. Pure. */

/** Bytes that `describeContent` wants to see: an ISO 9660 volume says so 32 KiB in. */
export const headBytes = 64 * 1024;

export type Compression = "gzip" | "xz" | "zstd";

const latin = (head: Buffer, start: number, length: number): string =>
  head.toString("latin1", start, start + length);
const startsWith = (head: Buffer, ...bytes: number[]): boolean =>
  bytes.every((byte, index) => head[index] === byte);

/** The compression of a file that bootgate unpacks by itself, or null. */
export function compressionOf(head: Buffer): Compression | null {
  if (startsWith(head, 0x1f, 0x8b)) return "gzip";
  if (startsWith(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  if (startsWith(head, 0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  return null;
}

type Look = readonly [words: string, fits: (head: Buffer) => boolean];

/** Magic numbers as in file(1)'s database; the first that fits wins. */
const looks: readonly Look[] = [
  ["an ELF program", (head) => latin(head, 0, 4) === "\x7fELF"],
  ["gzip-compressed data", (head) => compressionOf(head) === "gzip"],
  ["xz-compressed data", (head) => compressionOf(head) === "xz"],
  ["zstd-compressed data", (head) => compressionOf(head) === "zstd"],
  ["bzip2-compressed data", (head) => latin(head, 0, 3) === "BZh"],
  ["a zip archive", (head) => latin(head, 0, 4) === "PK\x03\x04"],
  ["a tar archive", (head) => latin(head, 257, 5) === "ustar"],
  ["an RPM package", (head) => startsWith(head, 0xed, 0xab, 0xee, 0xdb)],
  ["a VMware disk (VMDK)", (head) => latin(head, 0, 4) === "KDMV"],
  ["a Hyper-V disk (VHDX)", (head) => latin(head, 0, 8) === "vhdxfile"],
  ["a Hyper-V disk (VHD)", (head) => latin(head, 0, 8) === "conectix"],
  ["a VirtualBox disk (VDI)", (head) => head.length > 68 && head.readUInt32LE(64) === 0xbeda107f],
  ["a LUKS volume", (head) => latin(head, 0, 6) === "LUKS\xba\xbe"],
  ["a squashfs file system", (head) => latin(head, 0, 4) === "hsqs"],
  ["an XFS file system", (head) => latin(head, 0, 4) === "XFSB"],
  ["an ext4 file system", (head) => head.length > 1082 && head.readUInt16LE(1080) === 0xef53],
  ["an EROFS file system", (head) => head.length > 1028 && head.readUInt32LE(1024) === 0xe0f5e1e2],
  ["an HTML page", (head) => /^\s*(<!doctype html|<html)/i.test(latin(head, 0, 200))],
  ["an XML document", (head) => /^\s*<\?xml/.test(latin(head, 0, 200))],
  ["a Git LFS pointer", (head) => /^version https:\/\/git-lfs/.test(latin(head, 0, 200))],
  ["text", (head) => head.length > 0 && isText(head.subarray(0, 4096))],
  ["nothing but zeros at its beginning", (head) => head.every((byte) => byte === 0)],
];

/** An ISO 9660 volume descriptor (ECMA-119, 8.1). Asked first, since a bootable ISO has a partition table as well. */
export const isIso = (head: Buffer): boolean => latin(head, 32_769, 5) === "CD001";

const isText = (head: Buffer): boolean =>
  head.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);

/** What it looks like: `an ELF program`, `text`, `data of an unknown kind`. */
export const describeContent = (head: Buffer): string =>
  looks.find(([, fits]) => fits(head))?.[0] ?? "data of an unknown kind";
