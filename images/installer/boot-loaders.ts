/**
 * The boot loaders of our ISOs, where Fedora's media have them (lorax, share/templates.d/99-generic): GRUB by El
 * Torito for BIOS, and for UEFI a FAT image with GRUB in it, both with the same menu. Like theirs it waits for a minute, its
 * second entry, which tests the medium first, is the default, and nothing in it speaks of a serial port.
 */
import { copyFile, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../reference/privileged.ts";

const efiBytes = 4 * 1024 * 1024;

/** An entry of the menu. */
export interface MenuEntry {
  readonly title: string;
  /** What it gives to the kernel. */
  readonly words: readonly string[];
}

export interface BootLoaderOptions {
  /** The folder that becomes the ISO. */
  readonly tree: string;
  /** Folder with GRUB's images for media (`images/reference/scripts/prepare-tree.sh`). */
  readonly grub: string;
  readonly label: string;
  /** From the top; the second one is the default. */
  readonly menu: readonly MenuEntry[];
  /** What is in the submenu below them. */
  readonly troubleshooting: MenuEntry;
  readonly signal: AbortSignal;
}

/** Puts them into the tree; returns what xorriso's mkisofs has to be told. */
export async function addBootLoaders(options: BootLoaderOptions): Promise<string[]> {
  const { tree, grub, signal } = options;
  const [efi, bios] = [join(tree, "EFI", "BOOT"), join(tree, "boot", "grub2")];
  const images = join(tree, "images");
  for (const folder of [efi, bios, images]) await mkdir(folder, { recursive: true });
  for (const folder of [efi, bios]) await writeFile(join(folder, "grub.cfg"), menuOf(options));
  await copyFile(join(grub, "medium.img"), join(images, "eltorito.img"));
  await copyFile(join(grub, "medium.efi"), join(efi, "BOOTX64.EFI"));
  const fat = join(images, "efiboot.img");
  await writeFile(fat, "");
  await truncate(fat, efiBytes);
  const run = (file: string, args: readonly string[]): Promise<unknown> =>
    runTool(file, args, { signal });
  await run("mkfs.vfat", ["-n", "EFIBOOT", "-i", "b0079a7e", fat]);
  await run("mmd", ["-i", fat, "::EFI", "::EFI/BOOT"]);
  const files = ["BOOTX64.EFI", "grub.cfg"].map((name) => join(efi, name));
  await run("mcopy", ["-i", fat, ...files, "::EFI/BOOT/"]);
  return [
    ...["-b", "images/eltorito.img", "-no-emul-boot", "-boot-load-size", "4"],
    ...["-boot-info-table", "--grub2-boot-info"],
    ...["-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot"],
  ];
}

function menuOf({
  label,
  menu,
  troubleshooting,
}: Pick<BootLoaderOptions, "label" | "menu" | "troubleshooting">): string {
  const entry = ({ title, words }: MenuEntry): string => `menuentry '${title}' {
\tlinux /images/pxeboot/vmlinuz ${words.join(" ")}
\tinitrd /images/pxeboot/initrd.img
}`;
  return `set default="1"
set timeout=60
search --no-floppy --set=root -l '${label}'
${menu.map(entry).join("\n")}
submenu 'Troubleshooting -->' {
${entry(troubleshooting)}
}
`;
}
