/** A disk image that is small, and has a gap before its first partition as real ones have. */

/** An MBR with one partition at 1 MiB. Bytes in the partition are told apart from zeros. */
export function diskWithGap(mebibytes = 4): Buffer {
  const disk = Buffer.alloc(mebibytes * 1024 * 1024);
  disk[446 + 4] = 0x83;
  disk.writeUInt32LE(2048, 446 + 8);
  disk.writeUInt32LE((mebibytes - 1) * 2048, 446 + 12);
  disk.writeUInt16LE(0xaa55, 510);
  disk.fill("content of an image ", 1024 * 1024, 1024 * 1024 + 100_000);
  // In its last blocks too, so that more than the first is written.
  disk.fill("more of an image ", disk.length - 100_000, disk.length - 50_000);
  return disk;
}
