/** What a file looks like from its first bytes, in words, and what to do with it; for people who gave it instead of a disk. Pure. */

/** Bytes that `describeContent` wants to see: an ISO 9660 volume says so 32 KiB in. */
export const headBytes = 64 * 1024;

export type Compression = "gzip" | "xz" | "zstd" | "bzip2";

const latin = (head: Buffer, start: number, length: number): string =>
  head.toString("latin1", start, start + length);
const startsWith = (head: Buffer, ...bytes: number[]): boolean =>
  bytes.every((byte, index) => head[index] === byte);

/** The compression of a file that bootgate unpacks by itself, or null. */
export function compressionOf(head: Buffer): Compression | null {
  if (startsWith(head, 0x1f, 0x8b)) return "gzip";
  if (startsWith(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  // A level from 1 to 9, then the first block's magic, or the stream's end where it is empty (bzip2's decompress.c).
  if (/^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/.test(latin(head, 0, 10))) return "bzip2";
  const frame = head.subarray(afterSkippableFrames(head));
  return startsWith(frame, 0x28, 0xb5, 0x2f, 0xfd) ? "zstd" : null;
}

/**
 * Where the first frame with content begins. pzstd writes a frame before each that holds its size (RFC 8878, 3.1.2:
 * magic 0x184D2A50 to 0x184D2A5F, then the length); LZ4 has the same frames, so what follows decides.
 */
function afterSkippableFrames(head: Buffer): number {
  let at = 0;
  while (at + 8 <= head.length && head.readUInt32LE(at) >>> 4 === 0x184d2a5) {
    at += 8 + head.readUInt32LE(at + 4);
  }
  return at;
}

interface Look {
  readonly words: string;
  readonly fits: (head: Buffer) => boolean;
  /** What makes a disk of it; without one: give a disk. */
  readonly todo?: string;
}

const convert = "qemu-img convert -O qcow2 FILE disk.qcow2, and give disk.qcow2";
const unpack = (command: string): string => `${command}, and give the disk that was in it`;
const isTar = (head: Buffer): boolean => latin(head, 257, 5) === "ustar";

/** Magic numbers as in file(1)'s database; the first that fits wins. */
const looks: readonly Look[] = [
  { words: "an ELF program", fits: (head) => latin(head, 0, 4) === "\x7fELF" },
  {
    words: "gzip-compressed data",
    fits: (head) => compressionOf(head) === "gzip",
    todo: "unpack it once: the disk is compressed twice",
  },
  {
    words: "xz-compressed data",
    fits: (head) => compressionOf(head) === "xz",
    todo: "unpack it once: the disk is compressed twice",
  },
  {
    words: "zstd-compressed data",
    fits: (head) => compressionOf(head) === "zstd",
    todo: "unpack it once: the disk is compressed twice",
  },
  {
    words: "bzip2-compressed data",
    fits: (head) => compressionOf(head) === "bzip2",
    todo: "unpack it once: the disk is compressed twice",
  },
  {
    words: "lz4-compressed data",
    fits: (head) => startsWith(head.subarray(afterSkippableFrames(head)), 0x04, 0x22, 0x4d, 0x18),
    todo: unpack("lz4 -d FILE"),
  },
  {
    words: "a zip archive",
    fits: (head) => latin(head, 0, 4) === "PK\x03\x04",
    todo: unpack("unzip FILE"),
  },
  {
    // The descriptor is the archive's first file (DMTF DSP0243, 5.3).
    words: "an appliance (OVA), which is a tar archive",
    fits: (head) => isTar(head) && /\.ovf\0/i.test(latin(head, 0, 101)),
    todo: "tar -xf FILE, and give the .vmdk that was in it",
  },
  {
    words: "a tar archive",
    fits: isTar,
    todo: `${unpack("tar -xf FILE")}; what 'podman save' or 'docker save' wrote is named oci-archive:FILE or docker-archive:FILE`,
  },
  { words: "an RPM package", fits: (head) => startsWith(head, 0xed, 0xab, 0xee, 0xdb) },
  {
    words: "a VMware disk (VMDK)",
    fits: (head) =>
      latin(head, 0, 4) === "KDMV" || /^# Disk DescriptorFile/.test(latin(head, 0, 40)),
    todo: convert,
  },
  {
    words: "a Hyper-V disk (VHDX)",
    fits: (head) => latin(head, 0, 8) === "vhdxfile",
    todo: convert,
  },
  {
    words: "a Hyper-V disk that grows (dynamic VHD)",
    fits: (head) => latin(head, 0, 8) === "conectix",
    todo: convert,
  },
  {
    words: "a VirtualBox disk (VDI)",
    fits: (head) => head.length > 68 && head.readUInt32LE(64) === 0xbeda107f,
    todo: convert,
  },
  {
    // system/core/libsparse/sparse_format.h of Android.
    words: "an Android sparse image",
    fits: (head) => startsWith(head, 0x3a, 0xff, 0x26, 0xed),
    todo: "simg2img FILE disk.raw, and give disk.raw",
  },
  { words: "a LUKS volume", fits: (head) => latin(head, 0, 6) === "LUKS\xba\xbe" },
  { words: "a squashfs file system", fits: (head) => latin(head, 0, 4) === "hsqs" },
  { words: "an XFS file system", fits: (head) => latin(head, 0, 4) === "XFSB" },
  {
    words: "an ext4 file system",
    fits: (head) => head.length > 1082 && head.readUInt16LE(1080) === 0xef53,
  },
  {
    words: "an EROFS file system",
    fits: (head) => head.length > 1028 && head.readUInt32LE(1024) === 0xe0f5e1e2,
  },
  { words: "an EFI program, perhaps a UKI", fits: (head) => latin(head, 0, 2) === "MZ" },
  {
    words: "an HTML page",
    fits: (head) => /^\s*(<!doctype html|<html)/i.test(latin(head, 0, 200)),
    todo: "look at it: a download that failed often leaves such a page",
  },
  { words: "an XML document", fits: (head) => /^\s*<\?xml/.test(latin(head, 0, 200)) },
  {
    words: "a Git LFS pointer",
    fits: (head) => /^version https:\/\/git-lfs/.test(latin(head, 0, 200)),
    todo: "git lfs pull",
  },
  { words: "text", fits: (head) => head.length > 0 && isText(head.subarray(0, 4096)) },
  {
    words: "nothing but zeros at its beginning",
    fits: (head) => head.every((byte) => byte === 0),
  },
];

/** An ISO 9660 volume descriptor (ECMA-119, 8.1). Asked first, since a bootable ISO has a partition table as well. */
export const isIso = (head: Buffer): boolean => latin(head, 32_769, 5) === "CD001";

const isText = (head: Buffer): boolean =>
  head.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);

export interface Content {
  /** `an ELF program`, `text`, `data of an unknown kind`. */
  readonly words: string;
  readonly todo: string;
}

/** What it looks like, and what a person can do. */
export function describeContent(head: Buffer): Content {
  const look = looks.find(({ fits }) => fits(head));
  return {
    words: look?.words ?? "data of an unknown kind",
    todo: look?.todo ?? "give a qcow2, raw, vmdk, vhd or vhdx disk, or one as .xz .zst .gz .bz2",
  };
}

/** Whether the last sector of a raw file is the footer of a fixed VHD (Microsoft's VHD specification 1.0), as Azure's images have. */
export const isVhdFooter = (sector: Buffer): boolean => latin(sector, 0, 8) === "conectix";
