#!/bin/sh
# Makes an empty ostree sysroot at /tmp/sysroot with static GRUB, inside the tree.
set -eu
mkdir /tmp/sysroot
ostree admin init-fs --modern /tmp/sysroot
ostree config --repo=/tmp/sysroot/ostree/repo set sysroot.bootloader none
ostree config --repo=/tmp/sysroot/ostree/repo set sysroot.bootprefix true
ostree config --repo=/tmp/sysroot/ostree/repo set sysroot.readonly true
ostree admin os-init --sysroot=/tmp/sysroot default
mkdir -p /tmp/sysroot/boot/grub2
cat > /tmp/sysroot/boot/grub2/grub.cfg <<'CFG'
# Static: it never changes, the menu comes from the boot loader entries that ostree writes.
serial --unit=0 --speed=115200
if [ "$grub_platform" = pc ]; then
  terminal_input console serial
  terminal_output console serial
fi
set timeout_style=menu
set timeout=1
insmod blsuki
blscfg --path ($root)/boot/loader/entries
CFG
