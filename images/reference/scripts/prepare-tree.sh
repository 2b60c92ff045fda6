#!/bin/sh
# Turns a bootstrapped Debian tree into the ostree layout, inside the tree. /tmp is the build's work folder.
set -eu
case $(dpkg --print-architecture) in
  amd64) loader=BOOTX64.EFI grub=grubx64.efi target=x86_64-efi bios=yes cipher=aesni-intel ;;
  arm64) loader=BOOTAA64.EFI grub=grubaa64.efi target=arm64-efi bios= cipher=aes-ce-blk ;;
esac
kver=$(ls /usr/lib/modules)
drivers="virtio_blk virtio_scsi virtio_net virtio-rng virtio_balloon virtio_mmio qemu_fw_cfg ahci nvme sd_mod ext4 xfs btrfs erofs overlay loop"

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
# Opens the root that `rd.luks.uuid=` names. dracut's own modules for that bring all of crypto and md, and a queue that each
# boot would wait for; udev's notes of a device have to live on in the system (11-dm.rules).
mkdir /usr/lib/dracut/modules.d/71reference-crypt
cat > /usr/lib/dracut/modules.d/71reference-crypt/module-setup.sh <<'MODULE'
check() { return 0; }
depends() { echo systemd-ask-password; }
installkernel() { hostonly='' instmods dm_mod dm_crypt CIPHER; }
install() {
  local units=/usr/lib/systemd/system
  inst_multiple dmsetup /usr/lib/systemd/systemd-cryptsetup /usr/lib/systemd/system-generators/systemd-cryptsetup-generator \
    $units/cryptsetup.target $units/cryptsetup-pre.target $units/sysinit.target.wants/cryptsetup.target
  inst_libdir_file "libcryptsetup.so.*"
  inst_rules 55-dm.rules 60-persistent-storage-dm.rules 95-dm-notify.rules /usr/lib/dracut/modules.d/70dm/11-dm.rules
}
MODULE
sed -i "s/CIPHER/$cipher/" /usr/lib/dracut/modules.d/71reference-crypt/module-setup.sh
chmod 0755 /usr/lib/bootc/initramfs-setup /usr/lib/dracut/modules.d/51bootc/module-setup.sh
# Root of a user namespace cannot make device nodes, so nobody's initramfs has them: the kernel brings /dev/console, devtmpfs the rest.
DRACUT_NO_MKNOD=1 dracut --quiet --force --no-hostonly --reproducible --zstd --add "ostree bootc systemd reference-crypt" \
  --omit "kernel-modules kernel-modules-extra qemu nvdimm i18n hwdb terminfo bluetooth crypt lvm mdraid multipath btrfs dm dmsquash-live memstrack" \
  --fscks "umount mount fsck fsck.ext4 e2fsck" --omit-drivers "nls_.* mac-.*" \
  --drivers "$drivers" --kver "$kver" "/usr/lib/modules/$kver/initramfs.img"

# GRUB for each firmware that there is, with the few commands that the static configuration uses. The image carries it where bootupd
# looks (/usr/lib/efi/<name>/<version>/EFI), so that an installer inside the image can put it on a disk.
mods="part_gpt ext2 xfs btrfs search search_label search_fs_uuid configfile normal blsuki linux serial terminal test true echo ls cat reboot halt sleep"
version=$(dpkg-query -W -f '${Version}' grub2-common)
efi=/usr/lib/efi/grub2/$version/EFI
mkdir -p /tmp/grub "$efi/BOOT" "$efi/debian"
cp "/usr/lib/bootupd/grub2-static/grub-static-efi.cfg" /tmp/grub/efi.cfg
cat > /tmp/grub/embedded.cfg <<'CFG'
search --no-floppy --label root --set root
set prefix=($root)/boot/grub2
configfile /boot/grub2/grub.cfg
CFG
# EFI: looks for grub.cfg beside itself. BIOS: the installer makes an image for each disk; this one is for disks of our own.
grub-mkimage -O $target -p /EFI/debian -o /tmp/grub/grub.efi $mods fat efi_gop all_video
cp /usr/lib/grub/$target/read.mod /tmp/grub/read.mod # for a disk whose menu stands still
# For media, as lorax makes them: each finds the medium that it was started from, and its grub.cfg there.
media="iso9660 fat part_gpt search search_label configfile normal linux terminal test true echo ls cat reboot halt sleep"
grub-mkimage -O $target -p /EFI/BOOT -o /tmp/grub/medium.efi $media efi_gop all_video
cp /tmp/grub/grub.efi "$efi/BOOT/$loader"
cp /tmp/grub/grub.efi "$efi/debian/$grub"
components=EFI
if [ -n "$bios" ]; then
  components="EFI BIOS"
  grub-mkimage -O i386-pc -p /boot/grub2 -c /tmp/grub/embedded.cfg -o /tmp/grub/core.img $mods biosdisk vga_text
  grub-mkimage -O i386-pc-eltorito -p /boot/grub2 -o /tmp/grub/medium.img $media biosdisk
  cp /usr/lib/grub/i386-pc/boot.img /tmp/grub/boot.img
  needed() {
    for mod; do
      echo "$mod"
      needed $(sed -n "s/^$mod: *//p" /usr/lib/grub/i386-pc/moddep.lst)
    done
  }
  mkdir /tmp/i386-pc
  for mod in $(needed $mods biosdisk vga_text | sort -u); do cp "/usr/lib/grub/i386-pc/$mod.mod" /tmp/i386-pc/; done
  for name in boot.img diskboot.img kernel.img lzma_decompress.img moddep.lst; do cp "/usr/lib/grub/i386-pc/$name" /tmp/i386-pc/; done
  echo "$mods biosdisk vga_text" > /tmp/i386-pc/static-modules
fi
rm -rf /usr/lib/grub
mkdir /usr/lib/grub
if [ -n "$bios" ]; then mv /tmp/i386-pc /usr/lib/grub/i386-pc; fi
mkdir -p /usr/lib/bootupd/updates
for component in $components; do
  printf '{"timestamp":"2026-01-01T00:00:00Z","version":"grub2-%s","versions":[{"name":"grub2","rpm_evr":"%s"}]}' \
    "$version" "$version" > "/usr/lib/bootupd/updates/$component.json"
done

rm -r /usr/lib/dracut/modules.d/71reference-crypt

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
