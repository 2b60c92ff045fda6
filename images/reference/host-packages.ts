/** What the host needs, by package manager, to build and to boot the reference OS. */
export const REFERENCE_HOST_PACKAGES = {
  apt: [
    "mmdebstrap",
    "qemu-system-x86",
    "qemu-utils",
    "ovmf",
    "skopeo",
    "docker-registry",
    "gdisk",
    "mtools",
    "dosfstools",
    "e2fsprogs",
    "python3",
  ],
  dnf: [
    "mmdebstrap",
    "qemu-system-x86-core",
    "qemu-img",
    "edk2-ovmf",
    "skopeo",
    "docker-distribution",
    "gdisk",
    "mtools",
    "dosfstools",
    "e2fsprogs",
    "python3",
  ],
} as const;
