#!/bin/sh
# First process of the stand-in installer: the read-only root gets a writable layer in memory, then the installer runs.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root LC_ALL=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1
export PATH HOME LC_ALL TERM PYTHONDONTWRITEBYTECODE
exec < /dev/console > /dev/console 2>&1
mounted() { grep -q " $1 " /proc/self/mounts; }
mounted /proc || mount -t proc proc /proc
mounted /sys || mount -t sysfs sysfs /sys
mounted /dev || mount -t devtmpfs devtmpfs /dev
mounted /run || mount -t tmpfs -o mode=0755 tmpfs /run
# What is unmounted at the end must not take its original along.
mount --make-rprivate /
base=/run/bootgate-installer
mkdir -p $base
mount -t tmpfs -o mode=0755,size=80% bootgate $base
mkdir $base/upper $base/work $base/root
modprobe -q overlay
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" bootgate $base/root
mkdir -p $base/root/tmp $base/root/var/tmp $base/root/var/mnt $base/root/var/roothome
for path in dev proc sys run; do mount --rbind /$path $base/root/$path; done
for module in virtio_console virtio_blk virtio_pci ext4 vfat nls_cp437 nls_iso8859_1 nls_ascii; do modprobe -q $module; done
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle --timeout=60
echo "Starting installer, one moment..."
chroot $base/root /usr/bin/python3 -I /.bootgate/installer.py
echo "installer ended: $?"
sync
exec reboot -ff
