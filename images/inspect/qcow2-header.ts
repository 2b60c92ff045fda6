/**
 * The header of a qcow2 file (QEMU's docs/interop/qcow2.txt), read by ourselves before any tool opens the file: a
 * hostile image names a file of the host as its backing file or data file, and whoever opens it reads that.
 */

export interface Qcow2Facts {
  readonly virtualBytes: number;
  readonly clusterBytes: number;
}

const feature = { corrupt: 1n << 1n, externalData: 1n << 2n } as const;
/** Dirty, corrupt, external data file, compression type, extended L2: all that QEMU 7 and later know. */
const knownFeatures = 0b11111n;
const maxVirtualBytes = 16n * 1024n ** 4n;

export const isQcow2 = (head: Buffer): boolean => head.toString("latin1", 0, 4) === "QFI\xfb";

/** The header's facts, or the reason (as the end of "The disk … ") why the file is refused. */
export function readQcow2Header(head: Buffer): Qcow2Facts | { readonly refusal: string } {
  if (head.length < 72) return { refusal: "is truncated: its qcow2 header is not complete" };
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) {
    return { refusal: `is qcow2 of version ${version}; known are 2 and 3` };
  }
  if (head.readBigUInt64BE(8) !== 0n) {
    return {
      refusal: "has a backing file: it is not a whole disk, and may name any file of this host",
    };
  }
  if (head.readUInt32BE(32) !== 0) return { refusal: "is encrypted" };
  const features = version === 3 && head.length >= 80 ? head.readBigUInt64BE(72) : 0n;
  if ((features & feature.externalData) !== 0n) {
    return { refusal: "keeps its data in another file, and may name any file of this host" };
  }
  if ((features & feature.corrupt) !== 0n) return { refusal: "is marked as corrupt" };
  if ((features & ~knownFeatures) !== 0n) {
    return { refusal: `needs qcow2 features that are not known (0x${features.toString(16)})` };
  }
  const clusterBits = head.readUInt32BE(20);
  const virtualBytes = head.readBigUInt64BE(24);
  if (
    clusterBits < 9 ||
    clusterBits > 21 ||
    virtualBytes === 0n ||
    virtualBytes > maxVirtualBytes
  ) {
    return { refusal: "is damaged: its qcow2 header makes no sense" };
  }
  return { virtualBytes: Number(virtualBytes), clusterBytes: 2 ** clusterBits };
}
