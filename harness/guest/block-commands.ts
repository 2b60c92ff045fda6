/**
 * The command lines by which the harness finds the place of a file on a disk of the guest, reads it there and changes it. They
 * stand beside `commands.ts`, and the simulated guest answers the same ones.
 */
import { quoteArgument as quote } from "../base/quote.ts";

const read = (line: string): string => `env LC_ALL=C ${line}`;
const script = (text: string): string => read(`sh -c ${quote(text)}`);

/** What says that a system does not let a disk be written: the errors of open(2) and write(2), in the words of the C library. */
const refusals =
  "Device or resource busy|Operation not permitted|Permission denied|Read-only file system";

/** A piece of a disk by its number, counted in its own size. */
interface Piece {
  readonly device: string;
  /** Bytes. */
  readonly size: number;
  readonly number: number;
}

const fromDisk = ({ device, size, number }: Piece): string =>
  `dd if=${quote(device)} bs=${size} skip=${number} count=1 iflag=direct status=none`;

export const blockCommands = {
  /** What the root lies on, from the file system's device down to whole disks, with the kind and version of what is on each (lsblk(8)). */
  underRoot: script(
    's=$(findmnt -n -v -o SOURCE --target /sysroot | tail -n 1) && lsblk --inverse --list --noheadings --paths --output NAME,FSTYPE,FSVER "$s" 2>/dev/null; exit 0',
  ),
  /** cryptsetup-luksDump(8): the header of a LUKS2 device as JSON. */
  luksHeader: (device: string) => read(`cryptsetup luksDump --dump-json-metadata ${quote(device)}`),
  /** filefrag(8): where files lie on what their file system is made of, in bytes, once all of them is written. */
  extents: (paths: readonly string[]) => read(`filefrag -s -v -b1 ${paths.map(quote).join(" ")}`),
  /**
   * The whole disk below a partition and where that begins, in sectors of 512 bytes (kernel documentation, `ABI/stable/sysfs-block`);
   * nothing for what is not a partition.
   */
  partition: (device: string) =>
    script(
      `cd "/sys/class/block/$(basename "$(readlink -f ${quote(device)})")" 2>/dev/null && [ -f partition ] && echo "$(basename "$(readlink -f ..)") $(cat start)"; exit 0`,
    ),
  /** btrfs-inspect-internal(8): where the addresses of a btrfs lie on its devices. */
  btrfsChunks: (device: string) =>
    read(`btrfs inspect-internal dump-tree -t chunk ${quote(device)}`),
  /** lsattr(1): `C` is for a file of which btrfs does not have checksums. */
  attributes: (path: string) => read(`lsattr ${quote(path)}`),
  /** A piece of a disk in base64, past the kernel's cache; nothing where that is not to be had (dd(1)). */
  piece: (piece: Piece) => script(`${fromDisk(piece)} | base64 -w0`),
  /** The beginning of a file in base64. */
  beginning: (path: string, bytes: number) =>
    script(`head -c ${bytes} ${quote(path)} | base64 -w0`),
  /**
   * Writes a piece of a disk back with one other byte, past the cache, and has the kernel forget what it knew of files (kernel
   * documentation, `sysctl/vm.rst`). Where the system does not let it be written, it says so in one of its own words and exits 0.
   */
  changePiece: (piece: Piece, at: number) =>
    script(
      `d=$(mktemp -d /run/bootgate-block.XXXXXX) && trap 'rm -rf "$d"' EXIT && ${fromDisk(piece)} of="$d/b" && printf '\\377' | dd of="$d/b" bs=1 seek=${at} conv=notrunc status=none && { dd if="$d/b" of=${quote(piece.device)} bs=${piece.size} seek=${piece.number} oflag=direct conv=notrunc,fsync status=none 2>"$d/said" || { grep -oE "${refusals}" "$d/said" && exit 0; cat "$d/said" >&2; exit 1; }; } && sync && echo 3 > /proc/sys/vm/drop_caches`,
    ),
} as const;
