#!/bin/sh
# First process of the installer's own root, which has a writable layer in memory: devices are named, the network is up,
# the installer runs, and the machine ends.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root LC_ALL=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1
export PATH HOME LC_ALL TERM PYTHONDONTWRITEBYTECODE
mkdir -p /tmp /var/tmp /var/mnt /var/roothome
# What is unmounted at the end must not take its original along.
mount --make-rprivate /
for module in virtio_console virtio_blk virtio_net ext4 vfat nls_cp437 nls_iso8859_1 nls_ascii; do modprobe -q $module; done
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=block --subsystem-match=virtio-ports
udevadm settle --timeout=60
# QEMU's own network has this one address for its guest (invocation, "-netdev user"). This medium is for such machines.
for path in /sys/class/net/e*; do
  ip link set dev "${path##*/}" up
  ip address add 10.0.2.15/24 dev "${path##*/}"
  ip route add default via 10.0.2.2
done
ip link set dev lo up
echo "Starting installer, one moment..."
/usr/bin/python3 -I /.bootgate/installer.py
echo "installer ended: $?"
sync
exec reboot -ff
