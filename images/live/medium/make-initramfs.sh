#!/bin/sh
# Makes the initramfs of a live medium inside the tree, /tmp is the build's work folder: dracut's own dmsquash-live finds the
# medium by its label, mounts what is in LiveOS/squashfs.img and lays a writable layer in memory over it.
set -eu
kver=$(ls /usr/lib/modules)
drivers="virtio_pci virtio_net virtio-rng qemu_fw_cfg ahci sr_mod cdrom sd_mod isofs squashfs erofs overlay loop"
DRACUT_NO_MKNOD=1 dracut --quiet --force --no-hostonly --reproducible --zstd --tmpdir /tmp --add "systemd dmsquash-live" \
  --omit "ostree kernel-modules kernel-modules-extra qemu nvdimm i18n hwdb terminfo bluetooth crypt lvm mdraid multipath btrfs memstrack resume" \
  --omit-drivers "nls_.* mac-.*" --drivers "$drivers" --kver "$kver" /tmp/initrd.img
chmod 0644 /tmp/initrd.img
