/**
 * The header of a qcow2 file (QEMU's docs/interop/qcow2.txt), read by ourselves before any tool opens the file: a
 * hostile image names a file of the host as its backing file or data file, and a program that opens it reads that file.
 */

export interface Qcow2Facts {
  readonly virtualBytes: number;
  readonly clusterBytes: number;
}

const feature = { dirty: 1n << 0n, corrupt: 1n << 1n, externalData: 1n << 2n } as const;
/** Dirty, corrupt, external data file, compression type, extended L2: all that QEMU 7 and later know. */
const knownFeatures = 0b11111n;
const maxVirtualBytes = 16n * 1024n ** 4n;

export const isQcow2 = (head: Buffer): boolean => head.toString("latin1", 0, 4) === "QFI\xfb";

/** Why the file is refused, as the end of "The disk … ", and what to do where that is not the usual. */
export interface DiskRefusal {
  readonly refusal: string;
  readonly todo: string;
}

const again = "download or build the file again, and compare its checksum";
const whole = "qemu-img convert -O qcow2, on a machine that trusts it, makes a whole disk";
const plain = "qemu-img convert -O qcow2 makes one without";

/** The header's facts, or why the file is refused. */
export function readQcow2Header(head: Buffer): Qcow2Facts | DiskRefusal {
  if (head.length < 72)
    return { refusal: "is truncated: its qcow2 header is not complete", todo: again };
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) {
    return { refusal: `is qcow2 of version ${version}; known are 2 and 3`, todo: plain };
  }
  if (head.readBigUInt64BE(8) !== 0n) {
    return {
      refusal: "has a backing file: it is not a whole disk, and may name any file of this host",
      todo: whole,
    };
  }
  if (head.readUInt32BE(32) !== 0) return { refusal: "is encrypted", todo: plain };
  const features = version === 3 && head.length >= 80 ? head.readBigUInt64BE(72) : 0n;
  if ((features & feature.externalData) !== 0n) {
    const refusal = "keeps its data in another file, and may name any file of this host";
    return { refusal, todo: whole };
  }
  if ((features & feature.corrupt) !== 0n) {
    return { refusal: "is marked as corrupt", todo: "qemu-img check -r all, or build it again" };
  }
  // With lazy reference counts they are not written until the end, so a check would find faults that are none.
  if ((features & feature.dirty) !== 0n) {
    return {
      refusal: "was not closed: what writes it still runs, or was killed",
      todo: "wait until it is written, or qemu-img check -r all",
    };
  }
  if ((features & ~knownFeatures) !== 0n) {
    const refusal = `needs qcow2 features that are not known (0x${features.toString(16)})`;
    return { refusal, todo: plain };
  }
  const clusterBits = head.readUInt32BE(20);
  const virtualBytes = head.readBigUInt64BE(24);
  if (
    clusterBits < 9 ||
    clusterBits > 21 ||
    virtualBytes === 0n ||
    virtualBytes > maxVirtualBytes
  ) {
    return { refusal: "is damaged: its qcow2 header makes no sense", todo: again };
  }
  return { virtualBytes: Number(virtualBytes), clusterBytes: 2 ** clusterBits };
}
