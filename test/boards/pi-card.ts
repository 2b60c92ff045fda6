/** A card image for an emulated Raspberry Pi 3, made without any rights: a partition table and one FAT file system, which is the EFI system partition. */
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runCommand } from "../../harness/base/process.ts";
import { cpioArchive } from "../../images/reference/cpio.ts";
import { type PiParts, piDeviceTree } from "./pi-parts.ts";

/** What is wrong with the files of a card. */
export type PiCardFault =
  | "no-firmware"
  | "no-u-boot"
  | "no-device-tree"
  | "no-loader"
  | "bad-loader"
  | "loader-crashes"
  | "no-menu";

export interface PiCardOptions {
  readonly parts: PiParts;
  readonly path: string;
  /** With a kernel and an initramfs of busybox, which comes as far as a shell. */
  readonly hasLinux?: boolean;
  readonly fault?: PiCardFault | undefined;
}

const mebibyte = 1024 * 1024;
/** A power of two, as the card controller of the machine wants it. */
const cardBytes = 64 * mebibyte;
/** Room for the mark before it. */
export const espStart = 4 * mebibyte;
const espBytes = 56 * mebibyte;

const standIn = "A stand-in: the firmware of a real board is Broadcom's, and not free.\n";
const config = "arm_64bit=1\nkernel=u-boot.bin\ndtoverlay=disable-bt\nenable_uart=1\n";
const menu = `set timeout=10
menuentry 'Linux of the card' {
  linux /vmlinuz console=ttyAMA0,115200 panic=-1
  initrd /initrd.img
}
menuentry 'The same again' {
  linux /vmlinuz console=ttyAMA0,115200 panic=-1
  initrd /initrd.img
}
`;
/** A shell on the console for who is there, as the credential for it asks. */
const init = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin
hostname pi
# As a system greets that logs root in by itself; this one is busybox in an initramfs.
echo "Welcome to a busybox of Debian!"
echo "pi login: root (automatic login)"
trap : INT
while :; do setsid cttyhack sh -l; done
`;

/** An EFI program of arm64 whose only instruction is undefined (UEFI 2.10, 2.1.1; PE/COFF). */
function crashingProgram(): Buffer {
  const file = Buffer.alloc(0x400);
  file.write("MZ", 0, "latin1");
  file.writeUInt32LE(0x80, 0x3c);
  file.write("PE\0\0", 0x80, "latin1");
  // Machine, sections, size of the optional header, characteristics.
  file.writeUInt16LE(0xaa64, 0x84);
  file.writeUInt16LE(1, 0x86);
  file.writeUInt16LE(0xf0, 0x94);
  file.writeUInt16LE(0x0206, 0x96);
  const optional = 0x98;
  file.writeUInt16LE(0x20b, optional);
  file.writeUInt32LE(0x200, optional + 4);
  file.writeUInt32LE(0x1000, optional + 16);
  file.writeUInt32LE(0x1000, optional + 20);
  file.writeUInt32LE(0x1000, optional + 32);
  file.writeUInt32LE(0x200, optional + 36);
  file.writeUInt32LE(0x2000, optional + 56);
  file.writeUInt32LE(0x200, optional + 60);
  // An EFI application.
  file.writeUInt16LE(10, optional + 68);
  file.writeUInt32LE(16, optional + 108);
  const section = optional + 0xf0;
  file.write(".text", section, "latin1");
  file.writeUInt32LE(0x200, section + 8);
  file.writeUInt32LE(0x1000, section + 12);
  file.writeUInt32LE(0x200, section + 16);
  file.writeUInt32LE(0x200, section + 20);
  file.writeUInt32LE(0x60000020, section + 36);
  return file;
}

async function initramfs({ busybox }: PiParts): Promise<Buffer> {
  const folder = (name: string) => ({ name, mode: 0o40755, content: "" });
  return gzipSync(
    cpioArchive([
      ...["bin", "dev", "proc", "sys", "etc", "run", "tmp"].map(folder),
      { name: "bin/busybox", mode: 0o100755, content: await readFile(busybox) },
      { name: "init", mode: 0o100755, content: init },
    ]),
    { level: 6 },
  );
}

/** Files of the partition by path. */
async function filesOf({
  parts,
  hasLinux = false,
  fault,
}: PiCardOptions): Promise<Map<string, string | Buffer>> {
  const tree = await piDeviceTree(parts);
  const loader = await readFile(parts.grub);
  const files = new Map<string, string | Buffer>([
    ...["bootcode.bin", "start.elf", "fixup.dat"].map((name) => [name, standIn] as const),
    ["config.txt", config],
    ["u-boot.bin", await readFile(parts.uBoot)],
    ["bcm2837-rpi-3-b.dtb", tree],
    ["EFI/BOOT/BOOTAA64.EFI", loader],
    // Where Debian's image of GRUB looks for its configuration.
    ["EFI/debian/grub.cfg", menu],
  ]);
  if (hasLinux) {
    files.set("vmlinuz", gzipSync(await readFile(parts.kernel)));
    files.set("initrd.img", await initramfs(parts));
  }
  switch (fault) {
    case "no-firmware":
      files.delete("start.elf");
      break;
    case "no-u-boot":
      files.delete("u-boot.bin");
      break;
    case "no-device-tree":
      files.delete("bcm2837-rpi-3-b.dtb");
      break;
    case "no-loader":
      files.delete("EFI/BOOT/BOOTAA64.EFI");
      break;
    case "bad-loader":
      files.set("EFI/BOOT/BOOTAA64.EFI", Buffer.alloc(loader.length / 4, "x"));
      break;
    case "loader-crashes":
      files.set("EFI/BOOT/BOOTAA64.EFI", crashingProgram());
      break;
    case "no-menu":
      files.delete("EFI/debian/grub.cfg");
      break;
    case undefined:
      break;
    default:
      fault satisfies never;
  }
  return files;
}

/** Makes the card image. */
export async function makePiCard(options: PiCardOptions): Promise<void> {
  const { path } = options;
  const work = await mkdtemp(`${path}-`);
  try {
    const esp = join(work, "esp");
    await writeFile(esp, "");
    await truncate(esp, espBytes);
    await runCommand("mkfs.vfat", ["-n", "ESP", esp]);
    for (const folder of ["EFI", "EFI/BOOT", "EFI/debian"])
      await runCommand("mmd", ["-i", esp, `::${folder}`]);
    for (const [name, content] of await filesOf(options)) {
      await writeFile(join(work, "file"), content);
      await runCommand("mcopy", ["-i", esp, join(work, "file"), `::${name}`]);
    }
    await writeFile(path, "");
    await truncate(path, cardBytes);
    const from = espStart / 512;
    const partition = [`--new=1:${from}:${from + espBytes / 512 - 1}`, "--typecode=1:EF00"];
    await runCommand("sgdisk", [...partition, "--change-name=1:ESP", path]);
    await using card = await open(path, "r+");
    await card.write(await readFile(esp), 0, espBytes, espStart);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
