/**
 * Makes a bootable disk from an installed sysroot without mounting anything: GPT with GRUB for each firmware that there is, an ESP
 * and one ext4 file system for the rest.
 */
import { open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../harness/base/process.ts";
import type { SectorBytes } from "../image.ts";
import { largeSectorBytes, makeLargeEsp, useLargeSectors } from "./large-sectors.ts";
import type { ReferencePlatform } from "./platforms.ts";
import { type BuildContext, giveToUs, runAsRoot, runTool } from "./privileged.ts";

const mebibyte = 1024 * 1024;
const sectorBytes = 512;
const diskBytes = 4096 * mebibyte;
const espStart = 2 * mebibyte;
const rootStart = 66 * mebibyte;
const rootBytes = diskBytes - rootStart - mebibyte;
const biosStart = mebibyte;

const diskGuid = "b0079a7e-0000-4000-8000-000000000000";
/** The UUID of the root file system, by which GRUB on the EFI system partition finds it. */
export const rootUuid = "b0079a7e-0000-4000-8000-000000000003";

async function partition(
  raw: string,
  { hasBios, rootType }: ReferencePlatform,
  signal: AbortSignal,
): Promise<void> {
  const sector = (bytes: number): number => bytes / sectorBytes;
  const last = (start: number, size: number): number => sector(start + size) - 1;
  const [esp, root] = hasBios ? [2, 3] : [1, 2];
  const bios = [`--new=1:${sector(biosStart)}:${sector(espStart) - 1}`, "--typecode=1:EF02"];
  await runTool(
    "sgdisk",
    [
      "--set-alignment=2048",
      `--disk-guid=${diskGuid}`,
      ...(hasBios ? bios : []),
      `--new=${esp}:${sector(espStart)}:${sector(rootStart) - 1}`,
      `--typecode=${esp}:EF00`,
      `--change-name=${esp}:ESP`,
      `--new=${root}:${sector(rootStart)}:${last(rootStart, rootBytes)}`,
      `--typecode=${root}:${rootType}`,
      `--change-name=${root}:root`,
      raw,
    ],
    { signal },
  );
}

/**
 * Writes GRUB's BIOS images the way grub-bios-setup does for a GPT: the boot sector is told where the core image
 * starts, and the core image's first sector where the rest of it is.
 */
export function biosImages(boot: Buffer, core: Buffer): { boot: Buffer; core: Buffer } {
  const coreSector = BigInt(biosStart / sectorBytes);
  const patchedBoot = Buffer.from(boot.subarray(0, 440)); // the partition table follows
  patchedBoot.writeBigUInt64LE(coreSector, 0x5c);
  patchedBoot.writeUInt16LE(0x9090, 0x66); // trust the drive number that the BIOS gives
  const patchedCore = Buffer.from(core);
  patchedCore.writeBigUInt64LE(coreSector + 1n, sectorBytes - 12);
  return { boot: patchedBoot, core: patchedCore };
}

async function writeBiosLoader(raw: string, grub: string): Promise<void> {
  const { boot, core } = biosImages(
    await readFile(join(grub, "boot.img")),
    await readFile(join(grub, "core.img")),
  );
  const disk = await open(raw, "r+");
  try {
    await disk.write(boot, 0, boot.length, 0);
    await disk.write(core, 0, core.length, biosStart);
  } finally {
    await disk.close();
  }
}

async function writeEsp(raw: string, esp: string): Promise<void> {
  const disk = await open(raw, "r+");
  try {
    const content = await readFile(esp);
    await disk.write(content, 0, content.length, espStart);
  } finally {
    await disk.close();
  }
}

async function makeRootFileSystem(
  raw: string,
  sysroot: string,
  context: BuildContext,
): Promise<void> {
  const extended = [
    `offset=${rootStart}`,
    "lazy_itable_init=0",
    "lazy_journal_init=0",
    `hash_seed=${rootUuid}`,
    "root_owner=0:0",
  ];
  await runAsRoot(
    "mkfs.ext4",
    [
      ...["-q", "-F", "-b", "4096", "-i", "32768", "-m", "1", "-O", "verity", "-J", "size=32"],
      ...["-L", "root", "-U", rootUuid, "-E", extended.join(","), "-d", sysroot],
      raw,
      `${rootBytes / 1024}k`,
    ],
    context,
  );
}

/** Makes the qcow2 `target` from an installed sysroot. `scratch` is a folder for the raw disk. */
export async function makeDisk(
  options: {
    readonly sysroot: string;
    readonly grub: string;
    readonly platform: ReferencePlatform;
    readonly scratch: string;
    readonly target: string;
    /** Bytes in a sector of the disk; default 512. */
    readonly sectorBytes?: SectorBytes | undefined;
  },
  context: BuildContext,
): Promise<void> {
  const { sysroot, grub, platform, scratch, target, sectorBytes } = options;
  const { signal } = context;
  const raw = join(scratch, "disk.raw");
  await writeFile(raw, "");
  await truncate(raw, diskBytes);
  await makeRootFileSystem(raw, sysroot, context);
  await giveToUs(raw, signal);
  await partition(raw, platform, signal);
  if (sectorBytes === largeSectorBytes) {
    const esp = join(scratch, "esp.img");
    const from = { from: join(grub, "esp.img"), scratch: join(scratch, "esp") };
    await makeLargeEsp({ image: esp, bytes: rootStart - espStart, ...from }, signal);
    await writeEsp(raw, esp);
    await useLargeSectors(raw);
    await rm(esp);
  } else {
    if (platform.hasBios) await writeBiosLoader(raw, grub);
    await writeEsp(raw, join(grub, "esp.img"));
  }
  const convert = ["convert", "-f", "raw", "-O", "qcow2", raw, target];
  await runCommand("qemu-img", convert, { signal });
  await rm(raw);
}
