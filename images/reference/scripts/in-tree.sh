#!/bin/sh
# Runs a command inside a tree: in-tree.sh TREE WORK STANDIN COMMAND… Called under `unshare --mount`, so every mount
# disappears with the process, however it ends. WORK is seen as /tmp, STANDIN (or "-") as /usr/lib/bootgate-standin.
# In a user namespace the mounts of the host can only be bound with all that is mounted below them, and a container that
# hides parts of /proc lets nobody mount another one.
set -eu
tree=$1 work=$2 standin=$3
shift 3
mount -t proc proc "$tree/proc" 2> /dev/null || mount --rbind /proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount --bind "$work" "$tree/tmp"
if [ "$standin" != - ]; then mount --bind "$standin" "$tree/usr/lib/bootgate-standin"; fi
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1767225600 chroot "$tree" "$@"
