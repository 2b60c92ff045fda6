#!/usr/bin/sh
# In the initramfs: mounts the medium where Anaconda has it, /run/install/repo, and offers the installer's root on it as
# the first loop device, /dev/loop0.
# ahci brings the SCSI core along, which sr_mod needs.
modprobe -q ahci
for module in cdrom sr_mod isofs; do insmod "/usr/lib/bootgate-$module.ko"; done
modprobe -q loop
modprobe -q erofs
mkdir -p /run/install/repo
tries=0
while [ $tries -lt 300 ]; do
  for device in /dev/sr*; do
    if mount -t iso9660 -o ro "$device" /run/install/repo 2> /dev/null; then
      if [ -e /run/install/repo/images/install.img ]; then
        exec losetup -r -f /run/install/repo/images/install.img
      fi
      umount /run/install/repo
    fi
  done
  sleep 1
  tries=$((tries + 1))
done
echo "Warning: dracut-initqueue: timeout - starting timeout scripts"
exit 1
