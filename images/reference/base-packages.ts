/** The packages of the reference OS and what is left out of them. Debian's oldest suite with composefs, dnf5 and GRUB 2.14 is forky. */
import type { ReferencePlatform } from "./platforms.ts";

export const baseSuite = "forky";

/** The mirror that the environment names, as a word for mmdebstrap; none for Debian's own. */
export function namedMirror(): readonly string[] {
  const mirror = process.env["BOOTGATE_DEBIAN_MIRROR"] ?? "";
  return mirror === "" ? [] : [mirror];
}

const commonPackages = [
  "systemd",
  "systemd-sysv",
  "systemd-resolved",
  "dbus",
  "udev",
  "openssh-server",
  "ostree",
  "ostree-boot",
  "composefs",
  "fsverity",
  "systemd-boot-efi",
  "systemd-boot-tools",
  "dracut",
  "grub2-common",
  "iproute2",
  "kmod",
  "e2fsprogs",
  "xfsprogs",
  "btrfs-progs",
  "cryptsetup-bin",
  "systemd-cryptsetup",
  "fdisk",
  "dosfstools",
  "skopeo",
  "dnf5",
  "curl",
  "ca-certificates",
  "zstd",
  "python3",
] as const;

/** All packages of a platform. */
export const basePackages = ({ packages }: ReferencePlatform): readonly string[] => [
  ...commonPackages,
  ...packages,
];

/** Files never unpacked (dpkg's path-exclude): useless in a test guest, or, the last, a hook that would make an initramfs twice. */
export const excludedPaths = ({ libraries }: ReferencePlatform): readonly string[] => [
  "/usr/share/doc/*",
  "/usr/share/man/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
  "/usr/share/lintian/*",
  "/usr/share/bash-completion/*",
  "/usr/share/zsh/*",
  "/usr/share/fish/*",
  "/usr/share/grub/*",
  "/usr/lib/cni/*",
  `/usr/lib/${libraries}/gconv/*`,
  // Programs that nothing here starts; libicu, of xfs_scrub alone, has 40 MB.
  "/usr/bin/btrfs-*",
  "/usr/bin/btrfstune",
  "/usr/sbin/xfs_scrub*",
  `/usr/lib/${libraries}/libicu*`,
  // What a database of hardware is made of; making it takes minutes under emulation, and a guest does not need it.
  "/usr/lib/udev/hwdb.d/*",
  // Device trees; GRUB 2.14 boots an entry that names them without its initrd.
  "/usr/lib/modules/*/dtb/*",
  "/etc/kernel/postinst.d/*",
];
