/** What images of the simulated guest carry for the EFI system partition, and how sha256sum(1) tells files. */
import { createHash } from "node:crypto";

export type Files = Map<string, string>;

/** By path below EFI/. The first image has a file that the later ones do not have any more. */
export const payloadOf = (version: string): Files =>
  new Map([
    ["BOOT/BOOTX64.EFI", "shim"],
    ["fedora/grubx64.efi", `GRUB of ${version}`],
    ...(version === "v1" ? [["fedora/shimx64-fedora.efi", "shim"] as const] : []),
  ]);

/** Where the image has it: a folder a package and version. */
export const carriedPath = (version: string, path: string): string =>
  `${/shim|^BOOT\//.test(path) ? "shim/1" : `grub2/${version}`}/EFI/${path}`;

/** As bootupd names the versions of a payload. */
export const named = (version: string): string => `grub2-${version},shim-1`;

/** The payload as an image has it; `isMixed` with a shim of before besides. */
export const carried = (version: string, isMixed: boolean): string =>
  hashes(
    new Map([
      ...(isMixed ? [["shim/0/EFI/BOOT/BOOTX64.EFI", "shim of before"] as const] : []),
      ...[...payloadOf(version)].map(
        ([path, content]) => [carriedPath(version, path), content] as const,
      ),
    ]),
  );

/** Lines of sha256sum(1). */
export const hashes = (files: ReadonlyMap<string, string>): string =>
  [...files]
    .map(([path, content]) => `${createHash("sha256").update(content).digest("hex")}  ./${path}\n`)
    .join("");
