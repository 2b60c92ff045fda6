/**
 * Hashes of large parts of a disk, remembered as long as nothing is written to where they lie: kernels are the same in most points, and on
 * both sides of a journal. Pure.
 */

/** Where some bytes lie on the disk. */
export interface DiskPart {
  readonly startBytes: number;
  readonly endBytes: number;
}

interface Known {
  readonly hash: string;
  readonly parts: readonly DiskPart[];
}

export class KnownHashes {
  readonly #known = new Map<string, Known>();

  /** `key` says all that the hash depends on besides the bytes of its parts. */
  find(key: string): string | null {
    return this.#known.get(key)?.hash ?? null;
  }

  keep(key: string, known: Known): void {
    this.#known.set(key, known);
  }

  /** Forgets each hash of which a part was written to. */
  written({ startBytes, endBytes }: DiskPart): void {
    for (const [key, { parts }] of this.#known)
      if (parts.some((part) => part.startBytes < endBytes && startBytes < part.endBytes))
        this.#known.delete(key);
  }
}
