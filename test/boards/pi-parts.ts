/**
 * What a card for an emulated Raspberry Pi 3 is made of: U-Boot, GRUB, a kernel with its device tree, and busybox, out of Debian's packages
 * for arm64. They are unpacked and not installed, and what is wanted of them is kept in the cache.
 */
import { createHash } from "node:crypto";
import { copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { cacheRoot } from "../../harness/base/places.ts";
import { fillSlot } from "../../images/reference/cache-slot.ts";
import { giveToUs, removeAsRoot } from "../../images/reference/privileged.ts";
import { unpackDebian } from "../../images/reference/unpack-debian.ts";

const suite = "trixie";
const packages = [
  "linux-image-arm64",
  "u-boot-rpi",
  "grub-efi-arm64-unsigned",
  "busybox-static",
] as const;
/** The user's own, also where a test has another one. */
const cacheDir = cacheRoot();
const context = {
  architecture: "aarch64",
  onProgress: () => undefined,
  signal: new AbortController().signal,
} as const;

/** Paths of the files. */
export interface PiParts {
  readonly uBoot: string;
  readonly grub: string;
  readonly deviceTree: string;
  readonly kernel: string;
  readonly busybox: string;
}

/** The files in a folder, each by its own name. */
const partsIn = (folder: string): PiParts => ({
  uBoot: join(folder, "u-boot.bin"),
  grub: join(folder, "grubaa64.efi"),
  deviceTree: join(folder, "bcm2837-rpi-3-b.dtb"),
  kernel: join(folder, "vmlinuz"),
  busybox: join(folder, "busybox"),
});

/** Finds the files in the cache, or fetches them. Throws HostUnfit where they cannot be had. */
export async function providePiParts(): Promise<PiParts> {
  const key = createHash("sha256")
    .update(JSON.stringify([suite, packages]))
    .digest("hex");
  return partsIn(await fillSlot(join(cacheDir, "pi-parts", key.slice(0, 12)), fill, context));
}

async function fill(folder: string): Promise<void> {
  const unpacked = join(folder, "unpacked");
  await unpackDebian(packages, { suite, target: unpacked }, context);
  await giveToUs(unpacked, context.signal);
  const only = async (within: string, name: RegExp): Promise<string> => {
    const found = (await readdir(join(unpacked, within))).find((entry) => name.test(entry));
    if (found === undefined) throw new HostUnfit(`Debian's packages do not bring ${name}.`);
    return join(unpacked, within, found);
  };
  const { uBoot, grub, deviceTree, kernel, busybox } = partsIn(folder);
  await copyFile(join(unpacked, "usr/lib/u-boot/rpi_3/u-boot.bin"), uBoot);
  await copyFile(join(unpacked, "usr/lib/grub/arm64-efi/monolithic/grubaa64.efi"), grub);
  const trees = join(await only("usr/lib", /^linux-image-/), "broadcom");
  await copyFile(join(trees, "bcm2837-rpi-3-b.dtb"), deviceTree);
  await copyFile(await only("boot", /^vmlinuz-/), kernel);
  await copyFile(join(unpacked, "usr/bin/busybox"), busybox);
  await removeAsRoot(unpacked, context.signal);
}

/**
 * The device tree as `dtoverlay=disable-bt` leaves it: the console is the UART that U-Boot has from its first word on, and Bluetooth does not have it, to which
 * the kernel would give its input (drivers/tty/serdev).
 */
export async function piDeviceTree({ deviceTree }: PiParts): Promise<Buffer> {
  const bytes = await readFile(deviceTree);
  bytes.write("serial0", bytes.indexOf("serial1:115200n8"), "latin1");
  dropNode(bytes, "bluetooth");
  return bytes;
}

/** Tokens of a device tree (Devicetree Specification 0.4, 5.4.1). */
const tokens = { beginNode: 1, endNode: 2, property: 3, nothing: 4 } as const;

/** Blanks a node that has properties alone. */
function dropNode(tree: Buffer, name: string): void {
  const head = Buffer.from([0, 0, 0, tokens.beginNode, ...Buffer.from(`${name}\0`)]);
  const begin = tree.indexOf(head);
  if (begin < 0) return;
  const padded = (bytes: number): number => (bytes + 3) & ~3;
  let at = begin + padded(head.length);
  while (tree.readUInt32BE(at) === tokens.property) at += 12 + padded(tree.readUInt32BE(at + 4));
  if (tree.readUInt32BE(at) !== tokens.endNode) throw new Error(`'${name}' has other nodes in it`);
  for (let word = begin; word <= at; word += 4) tree.writeUInt32BE(tokens.nothing, word);
}
