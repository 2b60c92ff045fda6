#!/bin/sh
# Turns a copy of the tree into a system in package mode, inside the tree: /tmp/sysroot becomes the root of a disk.
set -eu
cd /tmp/sysroot
kver=$(ls usr/lib/modules)
rm -f ostree home root srv opt mnt media usr/local
rm -rf sysroot usr/lib/bootgate-standin usr/lib/dracut/modules.d/50ostree usr/bin/ostree tmp/*
mkdir -p home root srv opt mnt media usr/local boot/grub2 boot/loader/entries var/lib var/log/journal
chmod 0700 root
cp usr/share/base-files/dot.bashrc root/.bashrc 2> /dev/null || true
echo plain > etc/hostname
echo 'LABEL=root / ext4 defaults 0 1' > etc/fstab
cp /usr/lib/bootupd/grub2-static/grub-static-pre.cfg boot/grub2/grub.cfg
cat > boot/loader/entries/debian.conf <<CFG
title Debian GNU/Linux
version $kver
linux /usr/lib/modules/$kver/vmlinuz
initrd /usr/lib/modules/$kver/initramfs.img
options root=LABEL=root rw console=tty0 console=ttyS0,115200
CFG
