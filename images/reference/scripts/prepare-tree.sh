#!/bin/sh
# Turns a bootstrapped Debian tree into the ostree layout, inside the tree. /tmp is the build's work folder.
set -eu
kver=$(ls /usr/lib/modules)
drivers="virtio_blk virtio_scsi virtio_net virtio-rng virtio_balloon virtio_mmio qemu_fw_cfg ahci nvme sd_mod ext4 erofs overlay loop"

# Units that are useless in a test guest or that want a writable /usr, and those that the guest needs.
systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  e2scrub_reap.service grub2-common.service remote-fs.target sshd-keygen.service systemd-pstore.service
systemctl mask ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
  systemd-update-done.service systemd-firstboot.service systemd-networkd-wait-online.service systemd-sysinstall.socket
systemctl enable systemd-networkd.service systemd-resolved.service ssh.service

# The kernel where ostree looks for it. prepare-root.conf is in the tree already: the initramfs takes a copy of it.
cp -L "/boot/vmlinuz-$kver" /tmp/vmlinuz # one of the two may be a link to the other
rm -f "/usr/lib/modules/$kver/vmlinuz"
mv /tmp/vmlinuz "/usr/lib/modules/$kver/vmlinuz"
rm -rf "/usr/lib/modules/$kver/dtb" "/usr/lib/modules/$kver/build" "/usr/lib/modules/$kver/source"
# Modules that udev would load for nothing in a guest; each costs seconds under emulation.
rm -rf "/usr/lib/modules/$kver/kernel/arch/x86/kvm" "/usr/lib/modules/$kver/kernel/drivers/cpufreq" \
  "/usr/lib/modules/$kver/kernel/drivers/infiniband" "/usr/lib/modules/$kver/kernel/drivers/scsi/sg.ko.xz" \
  "/usr/lib/modules/$kver/kernel/drivers/net/ethernet/mellanox" "/usr/lib/modules/$kver/kernel/sound"
depmod "$kver"
dracut --quiet --force --no-hostonly --reproducible --zstd --add "ostree systemd" \
  --omit "kernel-modules kernel-modules-extra qemu nvdimm i18n hwdb terminfo bluetooth crypt lvm mdraid multipath btrfs dm dmsquash-live memstrack" \
  --drivers "$drivers" --kver "$kver" "/usr/lib/modules/$kver/initramfs.img"

# GRUB for both firmwares, with the few commands that the static configuration uses.
mods="part_gpt ext2 search search_label configfile normal blsuki linux serial terminal test true echo ls cat reboot halt sleep"
mkdir -p /tmp/grub
cat > /tmp/grub/embedded.cfg <<'CFG'
search --no-floppy --label root --set root
set prefix=($root)/boot/grub2
configfile /boot/grub2/grub.cfg
CFG
grub-mkimage -O x86_64-efi -p /boot/grub2 -c /tmp/grub/embedded.cfg -o /tmp/grub/BOOTX64.EFI $mods efi_gop all_video
grub-mkimage -O i386-pc -p /boot/grub2 -c /tmp/grub/embedded.cfg -o /tmp/grub/core.img $mods biosdisk vga_text
cp /usr/lib/grub/i386-pc/boot.img /tmp/grub/boot.img

# ostree sets every file's time to zero, so byte code must not be checked against times.
rm -rf /usr/lib/python3*/test /usr/lib/python3*/idlelib /usr/lib/python3*/ensurepip /usr/lib/python3*/turtledemo
find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +
python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3.*

rm -rf /usr/lib/udev/hwdb.d /usr/lib/udev/hwdb.bin /usr/lib/systemd/catalog /etc/apt /etc/cron.daily /etc/kernel /etc/initramfs-tools
rm -f /etc/ssh/ssh_host_* /etc/ssh/moduli /etc/fstab /etc/hostname /etc/.pwd.lock /etc/*- /initrd.img* /vmlinuz*
: > /etc/machine-id
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
mkdir -p /usr/lib/bootgate-standin

# The ostree layout: everything that changes is below /var.
rm -rf /boot /var /home /root /srv /opt /mnt /media /usr/local
mkdir -p /boot /var /sysroot
ln -s sysroot/ostree /ostree
ln -s var/home /home
ln -s var/roothome /root
ln -s var/srv /srv
ln -s var/opt /opt
ln -s var/mnt /mnt
ln -s run/media /media
ln -s ../var/usrlocal /usr/local
echo "$kver" > /tmp/kver
