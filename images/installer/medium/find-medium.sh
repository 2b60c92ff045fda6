#!/usr/bin/sh
# First process of the initramfs: mounts the medium where Anaconda has it, /run/install/repo, and goes over to the
# installer's root on it. systemd is left out here, which takes half a minute under emulation.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mkdir -p /proc /sys /dev /run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs -o mode=0755 tmpfs /run
exec < /dev/console > /dev/console 2>&1
echo "bootgate-medium[1]: Running in initrd."
# ahci brings the SCSI core along, which sr_mod needs.
modprobe -q ahci
for module in cdrom sr_mod isofs; do insmod "/usr/lib/bootgate-$module.ko"; done
for module in loop erofs overlay; do modprobe -q $module; done
base=/run/bootgate-installer
mkdir -p /run/install/repo $base

start() {
  mkdir $base/lower $base/memory
  mount -t erofs -o ro,loop /run/install/repo/images/install.img $base/lower || return
  mount -t tmpfs -o mode=0755,size=80% bootgate $base/memory
  mkdir $base/memory/upper $base/memory/work $base/root
  mount -t overlay -o "lowerdir=$base/lower,upperdir=$base/memory/upper,workdir=$base/memory/work" bootgate $base/root
  for path in dev proc sys run; do mount --rbind /$path $base/root/$path; done
  cd $base/root || return
  mount --move . /
  exec /usr/lib/bootgate-chroot . /.bootgate/init
}

tries=0
while [ $tries -lt 600 ]; do
  for device in /dev/sr*; do
    if mount -t iso9660 -o ro "$device" /run/install/repo 2> /dev/null; then
      if [ -e /run/install/repo/images/install.img ]; then start; fi
      umount /run/install/repo
    fi
  done
  sleep 0.2
  tries=$((tries + 1))
done
echo "Warning: dracut-initqueue: timeout - starting timeout scripts"
# A first process that ends is a panic, which would hide what went wrong.
while :; do sleep 3600; done
