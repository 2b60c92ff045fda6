/** What differs between the architectures that the reference OS is built for, as one table. */
import type { Architecture } from "../image.ts";

export interface ReferencePlatform {
  readonly architecture: Architecture;
  /** Debian's name of it, which is also that of OCI. */
  readonly debian: "amd64" | "arm64";
  /** Its kernel and boot loaders. The kernel is the smallest that Debian has. */
  readonly packages: readonly string[];
  /** Folder of its libraries below /usr/lib. */
  readonly libraries: string;
  /** Its boot loader by the name that firmware looks for (UEFI 2.10, table 3.2). */
  readonly fallbackLoader: string;
  /** GRUB's own name of its format, and of the folder of its modules. */
  readonly grubTarget: string;
  readonly grubName: string;
  /** Its machines can start by BIOS. */
  readonly hasBios: boolean;
  /** Code of sgdisk for the type of its root partition. */
  readonly rootType: string;
}

export const referencePlatforms: Readonly<Record<Architecture, ReferencePlatform>> = {
  x86_64: {
    architecture: "x86_64",
    debian: "amd64",
    packages: ["linux-image-cloud-amd64", "grub-efi-amd64-bin", "grub-pc-bin"],
    libraries: "x86_64-linux-gnu",
    fallbackLoader: "BOOTX64.EFI",
    grubTarget: "x86_64-efi",
    grubName: "grubx64.efi",
    hasBios: true,
    rootType: "8304",
  },
  aarch64: {
    architecture: "aarch64",
    debian: "arm64",
    packages: ["linux-image-cloud-arm64", "grub-efi-arm64-bin"],
    libraries: "aarch64-linux-gnu",
    fallbackLoader: "BOOTAA64.EFI",
    grubTarget: "arm64-efi",
    grubName: "grubaa64.efi",
    hasBios: false,
    rootType: "8305",
  },
};
