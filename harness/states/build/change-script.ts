/**
 * What runs in a helper machine to change an image from inside: a script of the caller's in the image's own root over an overlay, and
 * behind it what became of the overlay, as a tar of what is new and a list of what is gone. Nothing of the tar is a mark of overlayfs
 * (kernel documentation, overlayfs.rst, "whiteouts and opaque directories"), which no reader of layers knows: what is gone is found by
 * comparing, so that a folder that was removed and made again is told, too. Some kernels move folders and change owners by a mark alone unless
 * they are told not to (the same page, "redirect_dir" and "metacopy"): then the upper folder would not have the files. POSIX sh, and GNU tar of the image. The output is a disk that
 * is pulled out at the end: `sync` with its name flushes it, and without one it would not (sync(2), Linux `block/bdev.c`). GNU tar's
 * `--anchored` counts for the patterns behind it alone.
 */
import { z } from "zod";
import { CannotTell } from "../../base/errors.ts";
import { excerptEnd } from "../../guest/excerpt.ts";

/** Exit codes of the script's own; the caller's script has all others. */
export const changeExit = { noOverlay: 96, noTar: 97, tarFailed: 98 } as const;

/** Words before the two facts that it tells on its output. */
const sizeWord = "bootgate-size";
const goneWord = "bootgate-gone";

/** Folders that are the machine's own, or hold nothing that an image is to have. */
const leftOut = [".bootgate", "run", "tmp", "dev", "proc", "sys", "boot"].concat(
  ["cache", "log", "tmp"].map((name) => `var/${name}`),
);

/**
 * The script: `change LOWER OUT SCRIPT`. LOWER is the device or the folder of the image's root, OUT is written from its first byte on,
 * SCRIPT is a path in the image. What SCRIPT prints goes to the error output.
 */
export const changeText = `#!/bin/sh
set -eu
lower=$1 out=$2 script=$3 w=/run/bootgate-change
mkdir -p $w
mount -t tmpfs -o mode=0755,size=80% bootgate $w
mkdir $w/lower $w/upper $w/work $w/root
if test -b "$lower"; then mount -t erofs -o ro "$lower" $w/lower; else mount --bind "$lower" $w/lower; fi
modprobe -q overlay || :
mount -t overlay -o "lowerdir=$w/lower,upperdir=$w/upper,workdir=$w/work,redirect_dir=off,metacopy=off" bootgate $w/root || exit ${changeExit.noOverlay}
command -v tar >/dev/null || exit ${changeExit.noTar}
for path in dev proc sys; do mount --rbind /$path $w/root/$path; done
for path in run tmp; do mount -t tmpfs -o mode=1777 tmpfs $w/root/$path; done
mkdir -p $w/root/var/tmp
# Where a link leads to /var, a booted system has the folder (tmpfiles.d(5)); plugins of rpm mount over /home.
made=$(chroot $w/root /bin/sh -c 'for name in home root opt srv mnt usr/local; do
  test -L /$name && test ! -e /$name && path=$(readlink -m /$name) && mkdir -p "$path" && echo "$path"
done; :')
rc=0
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \\
  chroot $w/root /bin/sh -e "$script" >&2 </dev/null || rc=$?
test $rc = 0 || exit $rc
for path in $made; do rmdir "$w/root$path" 2>/dev/null || :; done
for path in dev proc sys run tmp; do umount -R -l $w/root/$path; done
isthere() { test -e "$1" || test -L "$1"; }
walk() {
  case "$1" in ${leftOut.map((path) => `${path}/`).join("|")}) return 0 ;; esac
  for entry in "$w/lower/$1"* "$w/lower/$1".[!.]*; do
    name=\${entry##*/}
    isthere "$entry" || continue
    isthere "$w/root/$1$name" || echo "$1$name" >>$w/gone
  done
  for entry in "$w/upper/$1"* "$w/upper/$1".[!.]*; do
    name=\${entry##*/}
    test -d "$entry" && test ! -L "$entry" || continue
    if test -d "$w/lower/$1$name" && test ! -L "$w/lower/$1$name"; then walk "$1$name/"; fi
  done
}
: >$w/gone
walk ""
umount -l $w/root
while IFS= read -r path; do rm -rf "$w/upper/$path"; done <$w/gone
cd $w/upper
set -- *
{
  tar --create --format=posix --pax-option=delete=atime,delete=ctime --numeric-owner --sort=name \\
    --xattrs --xattrs-include=security.capability --anchored ${leftOut.map((path) => `--exclude=${path}`).join(" ")} \\
    -- "$@" || : >$w/failed
} | { tee "$out" || : >$w/failed; } | wc -c >$w/size
test ! -e $w/failed || exit ${changeExit.tarFailed}
sync "$out" || exit ${changeExit.tarFailed}
echo "${sizeWord} $(cat $w/size)"
while IFS= read -r path; do echo "${goneWord} $path"; done <$w/gone
`;

/** What became of an image that was changed. */
export interface ChangeResult {
  /** How much of the disk is the tar. */
  readonly bytes: number;
  /** Relative to the root. */
  readonly gone: readonly string[];
}

const byteCount = z.coerce.number().int().min(1024);

/** Reads what the script told. Throws CannotTell where it told nothing whole. Pure. */
export function parseChange(stdout: string): ChangeResult {
  const lines = stdout.split("\n");
  const told = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const size = byteCount.safeParse(told(sizeWord)[0]);
  if (!size.success)
    throw new CannotTell("The machine that changes an image did not tell what came of it.", {
      details: { said: excerptEnd(stdout, 300) || "nothing" },
    });
  return { bytes: size.data, gone: told(goneWord) };
}
