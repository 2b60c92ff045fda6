#!/bin/sh
# pod.sh WORK UID COMMAND...: runs a command as a cluster's pod would: a user whom nobody knows, in group 0 and without any
# right; a root file system that is read-only; an own /dev with 64 MiB of /dev/shm and no /dev/kvm; no network but loopback.
# WORK/home alone can be written to. Started by root in mount, PID, network, IPC and UTS namespaces of its own.
set -eu
work=$1 uid=$2
shift 2
root=$work/root
mount --make-rprivate /
mkdir -p "$root" "$work/home/tmp"
mount --rbind / "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount --bind "$work/home" "$root$work/home"
mount -o remount,bind,ro "$root"
chown -R "$uid:0" "$work/home"
# Loopback up (netdevice(7): SIOCSIFFLAGS with IFF_UP and IFF_RUNNING).
python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 65))'
exec chroot "$root" setpriv --reuid "$uid" --regid 0 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
  env -i PATH="$PATH" HOME=/ XDG_CACHE_HOME="$work/home/cache" TMPDIR="$work/home/tmp" "$@"
