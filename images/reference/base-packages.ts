/** The packages of the reference OS and what is left out of them. Debian's oldest suite with composefs, dnf5 and GRUB 2.14 is forky. */
export const baseSuite = "forky";

/** The mirror that the environment names, as a word for mmdebstrap; none for Debian's own. */
export function namedMirror(): readonly string[] {
  const mirror = process.env["BOOTGATE_DEBIAN_MIRROR"] ?? "";
  return mirror === "" ? [] : [mirror];
}

export const basePackages = [
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
  "linux-image-cloud-amd64",
  "grub-efi-amd64-bin",
  "grub-pc-bin",
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

/** Files never unpacked (dpkg's path-exclude): useless in a test guest, or, the last, a hook that would make an initramfs twice. */
export const excludedPaths = [
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
  "/usr/lib/x86_64-linux-gnu/gconv/*",
  // Programs that nothing here starts; libicu, of xfs_scrub alone, has 40 MB.
  "/usr/bin/btrfs-*",
  "/usr/bin/btrfstune",
  "/usr/sbin/xfs_scrub*",
  "/usr/lib/x86_64-linux-gnu/libicu*",
  "/etc/kernel/postinst.d/*",
] as const;
