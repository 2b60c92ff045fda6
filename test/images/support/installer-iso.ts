/** ISOs to install from, as xorriso packs them. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCommand } from "../../../harness/base/process.ts";

export interface Medium {
  readonly label?: string;
  readonly rockRidge?: boolean;
  readonly files: Readonly<Record<string, string>>;
}

/** Packs files as an ISO in the folder; returns its path. */
export async function pack(
  folder: string,
  { label, rockRidge = true, files }: Medium,
): Promise<string> {
  const tree = join(folder, "tree");
  await mkdir(tree);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), text);
  }
  const iso = join(folder, "installer-x86_64.iso");
  const volume = label === undefined ? [] : ["-volid", label];
  await runCommand("xorriso", [
    ...["-as", "mkisofs", "-quiet", ...volume, "-iso-level", "3"],
    ...(rockRidge ? ["-R", "-J"] : ["--norock"]),
    ...["-o", iso, tree],
  ]);
  return iso;
}

const grub = `
set timeout=60
menuentry 'Install Fedora 43' --class fedora {
	linux /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=Fedora-43 quiet
	initrd /images/pxeboot/initrd.img
}
`;
/** What an installer of Fedora has for those who start it. */
export const fedora = {
  "images/pxeboot/vmlinuz": "kernel",
  "images/pxeboot/initrd.img": "initrd",
  "EFI/BOOT/BOOTX64.EFI": "loader",
  "EFI/BOOT/grub.cfg": grub,
};
