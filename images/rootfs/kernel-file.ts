/**
 * What a kernel's file is, and what is in a unified kernel image: a program for EFI whose sections hold a kernel and its
 * initramfs (UAPI.5, unified_kernel_image). Files come from an image and are not trusted.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { UsageError } from "../../harness/base/errors.ts";
import { formatBytes } from "../../harness/base/units.ts";

/** `machine` is the kernel's word for what the file runs on; null where the file does not say it. */
export interface KernelFormat {
  readonly kind:
    | "bzImage"
    | "arm64 Image"
    | "EFI zboot"
    | "gzip"
    | "unified kernel image"
    | "unknown";
  readonly machine: string | null;
  /** Of an EFI zboot file: `gzip`, `zstd`, … */
  readonly compression: string | null;
}

/** Machines of the PE format (Microsoft, PE format, "Machine types"). */
const machines: Readonly<Record<number, string>> = {
  332: "i686",
  450: "armv7hl",
  34404: "x86_64",
  43620: "aarch64",
  20580: "riscv64",
  25188: "loongarch64",
};

/** The first bytes of a kernel that are looked at. */
const headBytes = 4096;

/** Tells what a kernel's first bytes are. Pure. */
export function kernelFormat(head: Buffer): KernelFormat {
  const at = (offset: number, text: string): boolean =>
    head.toString("latin1", offset, offset + text.length) === text;
  const machine = machineOf(head);
  const plain = { machine, compression: null };
  // Linux, Documentation/arch/x86/boot.rst: `HdrS` at 0x202.
  if (at(0x202, "HdrS")) return { ...plain, kind: "bzImage", machine: machine ?? "x86_64" };
  // Linux, drivers/firmware/efi/libstub/zboot-header.S: `zimg` at 4, the compression's name at 24.
  if (at(0, "MZ") && at(4, "zimg")) {
    const compression = /^[a-z0-9]+/.exec(head.toString("latin1", 24, 32))?.[0] ?? null;
    return { kind: "EFI zboot", machine, compression };
  }
  // Linux, Documentation/arch/arm64/booting.rst: magic at 56.
  if (at(56, "ARM\x64")) return { ...plain, kind: "arm64 Image", machine: "aarch64" };
  if (head[0] === 0x1f && head[1] === 0x8b) return { ...plain, kind: "gzip" };
  return { ...plain, kind: machine === null ? "unknown" : "unified kernel image" };
}

function machineOf(head: Buffer): string | null {
  if (head.length < 64 || head.toString("latin1", 0, 2) !== "MZ") return null;
  const start = head.readUInt32LE(0x3c);
  if (start + 6 > head.length || head.toString("latin1", start, start + 4) !== "PE\0\0")
    return null;
  return machines[head.readUInt16LE(start + 4)] ?? "another machine";
}

/** Reads what a kernel's file is. */
export async function readKernelFormat(path: string): Promise<KernelFormat> {
  const file = await open(path);
  try {
    return kernelFormat(await readAt(file, 0, headBytes));
  } finally {
    await file.close();
  }
}

/** What was in a unified kernel image. */
export interface UnpackedUki {
  readonly machine: string;
  /** Its own kernel command line; empty where it has none. */
  readonly commandLine: string;
}

export interface UkiTargets {
  /** How messages call the file. */
  readonly title: string;
  readonly kernel: string;
  readonly initrd: string;
}

interface Section {
  readonly name: string;
  readonly size: number;
  readonly offset: number;
}

const maxSections = 1024;
const maxCommandLine = 64 * 1024;

/**
 * Writes kernel and initramfs of a unified kernel image to files of their own. Where it has several profiles, what stands
 * before the first one is meant for all. Throws UsageError for a file that is cut off or lacks either.
 */
export async function unpackUki(path: string, targets: UkiTargets): Promise<UnpackedUki> {
  const { title } = targets;
  const file = await open(path);
  try {
    const head = await readAt(file, 0, headBytes);
    const machine = machineOf(head);
    if (machine === null) throw unreadable(title, "it is not a program for EFI");
    const { size } = await file.stat();
    const found = commonSections(await readSections(file, head, title));
    const section = (name: string): Section | undefined => found.find((one) => one.name === name);
    const [linux, initrd, line] = [section(".linux"), section(".initrd"), section(".cmdline")];
    if (linux === undefined || linux.size === 0)
      throw unreadable(title, "it does not have a section .linux");
    if (initrd === undefined || initrd.size === 0)
      throw unreadable(title, "it does not have a section .initrd");
    for (const { name, offset, size: length } of [linux, initrd])
      if (offset + length > size)
        throw unreadable(title, `its section ${name} ends behind the end of the file`, {
          "it has": formatBytes(size),
        });
    await copyRange(path, linux, targets.kernel);
    await copyRange(path, initrd, targets.initrd);
    return { machine, commandLine: line === undefined ? "" : await readLine(file, line) };
  } finally {
    await file.close();
  }
}

/** The kernel command lines of all profiles of a unified kernel image. Throws UsageError for what is not one. */
export async function readUkiCommandLines(path: string, title: string): Promise<string[]> {
  const file = await open(path);
  try {
    const head = await readAt(file, 0, headBytes);
    if (machineOf(head) === null) throw unreadable(title, "it is not a program for EFI");
    const lines: string[] = [];
    for (const section of await readSections(file, head, title))
      if (section.name === ".cmdline") lines.push(await readLine(file, section));
    return lines;
  } finally {
    await file.close();
  }
}

async function readLine(file: FileHandle, { offset, size }: Section): Promise<string> {
  const bytes = await readAt(file, offset, Math.min(size, maxCommandLine));
  return bytes.toString("utf8").replaceAll("\0", "").trim();
}

const unreadable = (title: string, reason: string, more: Record<string, string> = {}): UsageError =>
  new UsageError(`${title} cannot be read.`, { details: { reason, ...more } });

/** Profiles begin with `.profile` each (UAPI.5). */
function commonSections(sections: readonly Section[]): readonly Section[] {
  const first = sections.findIndex(({ name }) => name === ".profile");
  return first < 0 ? sections : sections.slice(0, first);
}

/** The section table stands behind the COFF header of 20 bytes and the optional header (PE format). */
async function readSections(file: FileHandle, head: Buffer, title: string): Promise<Section[]> {
  const coff = head.readUInt32LE(0x3c) + 4;
  if (coff + 20 > head.length) throw unreadable(title, "its header is cut off");
  const count = head.readUInt16LE(coff + 2);
  if (count > maxSections) throw unreadable(title, `it has ${count} sections`);
  const start = coff + 20 + head.readUInt16LE(coff + 16);
  const table = await readAt(file, start, count * 40);
  if (table.length < count * 40) throw unreadable(title, "its table of sections is cut off");
  return Array.from({ length: count }, (_, index) => {
    const entry = table.subarray(index * 40, index * 40 + 40);
    const virtual = entry.readUInt32LE(8);
    const raw = entry.readUInt32LE(16);
    return {
      name: entry.toString("latin1", 0, 8).replace(/\0+$/, ""),
      // What is in the file is padded; what is meant is the smaller of both.
      size: virtual === 0 ? raw : Math.min(virtual, raw),
      offset: entry.readUInt32LE(20),
    };
  });
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

const copyRange = (path: string, { offset, size }: Section, target: string): Promise<void> =>
  pipeline(
    createReadStream(path, { start: offset, end: offset + size - 1 }),
    createWriteStream(target, { flags: "wx" }),
  );
