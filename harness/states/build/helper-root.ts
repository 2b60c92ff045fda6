/**
 * What is added to an image's root so that a helper machine can install from it: a first process, and the image itself for
 * `bootc install --source-imgref`. The root is a read-only erofs that only the helper sees; what is installed are the
 * image's own layers, in which nothing of this is.
 */
import { type Architecture, serialWord } from "../../../images/image.ts";
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import type { RootExtra } from "../../../images/rootfs/extras.ts";
import { channelPortName } from "../../machine/machine.ts";
import { sourceFolder as folder, place, sourceExtras } from "./image-source.ts";

/** First process of the helper: `init=` of its kernel. */
export const helperInit = `${folder}/init`;
const helperServe = `${folder}/serve`;

/** Said on the console by the helper's own scripts. */
export const helperMark = "bootgate-helper:";

/**
 * Gives the programs of the image a root that they can write to, as a container has it: an overlay in memory. The initrd
 * has moved /dev, /proc, /sys and /run here (systemd, switch-root); a root without overlayfs gets memory where programs write.
 */
const initText = `#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root LC_ALL=C.UTF-8 TERM=dumb
export PATH HOME LC_ALL TERM
say() { echo "${helperMark} $*" > /dev/console; }
mounted() { grep -q " $1 " /proc/self/mounts; }
test -e /proc/self/mounts || mount -t proc proc /proc
mounted /sys || mount -t sysfs sysfs /sys
mounted /dev || mount -t devtmpfs devtmpfs /dev
mounted /run || mount -t tmpfs -o mode=0755 tmpfs /run
say root
base=/run/bootgate-helper
mkdir -p $base
mount -t tmpfs -o mode=0755,size=80% bootgate $base
mkdir $base/upper $base/work $base/root
modprobe -q overlay
if mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" bootgate $base/root; then
  say overlay
else
  mount --bind / $base/root
  for path in etc var tmp root; do
    test -d $base/root/$path && mkdir -p $base/upper/$path && cp -a /$path/. $base/upper/$path &&
      mount --bind $base/upper/$path $base/root/$path
  done
  say binds
fi
mkdir -p $base/root/tmp $base/root/var/tmp
mount -t tmpfs -o mode=1777 tmpfs $base/root/tmp
for path in dev proc sys run; do mount --rbind /$path $base/root/$path; done
exec chroot $base/root /bin/sh ${helperServe}
`;

/** Brings up devices and gives a shell to the harness, again and again: a shell ends when the harness hangs up. */
const serveText = `#!/bin/sh
say() { echo "${helperMark} $*" > /dev/console; }
for module in virtio_console virtio_blk virtio_pci ext4 vfat nls_cp437 nls_iso8859_1 nls_ascii; do modprobe -q $module; done
for udevd in /usr/lib/systemd/systemd-udevd /lib/systemd/systemd-udevd /usr/bin/udevadm; do
  test -x $udevd && break
done
case $udevd in
*/udevadm) echo 'udev is missing' ;;
*) $udevd --daemon && udevadm trigger --action=add && udevadm settle --timeout=60 ;;
esac
port=
while test -z "$port"; do
  for name in /sys/class/virtio-ports/*/name; do
    test -r $name && test "$(cat $name)" = ${channelPortName} && port=$(basename $(dirname $name))
  done
  test -n "$port" && test -c /dev/$port || sleep 1
done
say ready
while :; do
  setsid sh -c "exec <>/dev/$port >&0 2>/dev/null; cd /; exec /bin/sh"
done
`;

/** A script in a root. */
export const script = (path: string, text: string): RootExtra => ({
  path,
  mode: 0o755,
  content: Buffer.from(text),
});

/** Folders on which a kernel and an initrd mount; images leave them out, since containers make them. */
const mountPoints = ["/dev", "/proc", "/sys", "/run", "/tmp"];

/** What is added to the root of every helper. */
export const bareExtras = (): RootExtra[] => [
  ...mountPoints.map(place),
  place(folder),
  script(helperInit, initText),
  script(helperServe, serveText),
];

/** All that is added to the root from which the image is installed. */
export const helperExtras = (image: OciImageFacts): RootExtra[] => [
  ...bareExtras(),
  ...sourceExtras(image),
];

/** The helper's kernel command line. SELinux has no policy loaded there and stays out of the way. */
export const helperArguments = (architecture: Architecture): string =>
  `root=/dev/vda ro rootfstype=erofs init=${helperInit} ${serialWord(architecture)} panic=-1 systemd.show_status=1 rd.shell=0`;
