#!/bin/sh
# pod.sh WORK UID KVM COMMAND...: runs a command as a cluster's pod would: WORK/image as a root file system that is read-only,
# a user without any right, in group 0; an own /dev with 64 MiB of /dev/shm, and a /dev/kvm where KVM is "kvm"; no network but
# loopback. The user's home is a volume, WORK/home, and all that can be written to.
# Started by root in mount, PID, network, IPC and UTS namespaces of its own.
set -eu
work=$1 uid=$2 kvm=$3
shift 3
root=$work/root home=/home/bootgate
mount --make-rprivate /
mkdir -p "$root" "$work/home/tmp"
mount --bind "$work/image" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
# A device plugin gives a node of its own, which anybody may open.
[ "$kvm" != kvm ] || mknod -m 666 "$root/dev/kvm" c 10 232
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
chown -R "$uid:0" "$work/home"
mount --bind "$work/home" "$root$home"
mount -o remount,bind,ro "$root"
# Loopback up (netdevice(7): SIOCSIFFLAGS with IFF_UP and IFF_RUNNING).
python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 65))'
# The kernel refuses user namespaces in a chroot (user_namespaces(7)), as container engines do by their seccomp profiles.
exec chroot "$root" setpriv --reuid "$uid" --regid 0 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
  env -i PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 HOME="$home" XDG_CACHE_HOME="$home/cache" TMPDIR="$home/tmp" \
  sh -c 'cd && exec "$@"' sh "$@"
