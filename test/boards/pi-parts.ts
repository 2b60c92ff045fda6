/**
 * What a card for an emulated Raspberry Pi 3 is made of: U-Boot, GRUB, a kernel with its device tree, and busybox, out of Debian's packages
 * for arm64. They are fetched by apt with lists of its own and unpacked into a folder of the cache; nothing is installed.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { cacheRoot } from "../../harness/base/places.ts";
import { runCommand } from "../../harness/base/process.ts";
import { fillSlot } from "../../images/reference/cache-slot.ts";

const suite = "trixie";
/** The kernel's own name has its version in it, so its empty package tells it. */
const kernelPackage = "linux-image-arm64";
const packages = ["u-boot-rpi", "grub-efi-arm64-unsigned", "busybox-static"] as const;
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** What is kept of them. */
const wanted = [
  "./usr/lib/u-boot/rpi_3/u-boot.bin",
  "./usr/lib/grub/arm64-efi/monolithic/grubaa64.efi",
  "./usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb",
  "./boot/vmlinuz-*",
  "./usr/bin/busybox",
] as const;
const { signal } = new AbortController();
/** The user's own, also where a test has another one. */
const cacheDir = cacheRoot();

/** Paths of the files. */
export interface PiParts {
  readonly uBoot: string;
  readonly grub: string;
  readonly deviceTree: string;
  readonly kernel: string;
  readonly busybox: string;
}

/** Finds the files in the cache, or fetches them. Throws HostUnfit where they cannot be had. */
export async function providePiParts(): Promise<PiParts> {
  const key = createHash("sha256")
    .update([suite, kernelPackage, ...packages, ...wanted].join(" "))
    .digest("hex");
  const slot = await fillSlot(join(cacheDir, "pi-parts", key.slice(0, 12)), fetchParts, {
    onProgress: () => undefined,
    signal,
  });
  const only = async (folder: string, name: RegExp): Promise<string> => {
    const found = (await readdir(join(slot, folder))).find((entry) => name.test(entry));
    if (found === undefined) throw new HostUnfit(`'${join(slot, folder)}' is not complete.`);
    return join(slot, folder, found);
  };
  const modules = await only("usr/lib", /^linux-image-/);
  return {
    uBoot: join(slot, "usr/lib/u-boot/rpi_3/u-boot.bin"),
    grub: join(slot, "usr/lib/grub/arm64-efi/monolithic/grubaa64.efi"),
    deviceTree: join(modules, "broadcom/bcm2837-rpi-3-b.dtb"),
    kernel: await only("boot", /^vmlinuz-/),
    busybox: join(slot, "usr/bin/busybox"),
  };
}

async function fetchParts(folder: string): Promise<void> {
  const apt = join(folder, ".apt");
  for (const name of ["lists/partial", "cache/archives/partial", "debs"])
    await mkdir(join(apt, name), { recursive: true });
  const mirror = process.env["BOOTGATE_DEBIAN_MIRROR"] ?? "";
  const list = join(apt, "parts.sources");
  await writeFile(
    list,
    `Types: deb\nURIs: ${mirror === "" ? "http://deb.debian.org/debian" : mirror}\nSuites: ${suite}\nComponents: main\nArchitectures: arm64\nSigned-By: ${keyring}\n`,
  );
  const own = [
    `Dir::Etc::sourcelist=${list}`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${join(apt, "lists")}`,
    `Dir::Cache=${join(apt, "cache")}`,
    "APT::Architecture=arm64",
    "APT::Architectures::=arm64",
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
  ].flatMap((option) => ["-o", option]);
  const cwd = join(apt, "debs");
  const run = (file: string, args: readonly string[]) =>
    runCommand(file, args, { signal, cwd, timeoutMs: 600_000 });
  await run("apt-get", [...own, "update", "-qq"]);
  const { stdout } = await run("apt-cache", [...own, "depends", kernelPackage]);
  const kernel = /Depends: (linux-image-[0-9][^\s:]*)/.exec(stdout)?.[1];
  if (kernel === undefined) throw new HostUnfit(`apt does not know what '${kernelPackage}' needs.`);
  await run("apt-get", [...own, "download", ...packages, kernel]);
  const unpack =
    'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$0" --wildcards "$@" 2>/dev/null; done; rm -rf "$0/.apt"';
  await run("sh", ["-c", unpack, folder, ...wanted]);
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
