/**
 * Which images and blobs of the store have to go for room, decided from plain facts: what was left by a pull that nobody
 * finished goes first, then the image that was used longest ago; never what a living process holds. Pure.
 */
import type { RoomEntry } from "../../harness/base/shelf-room.ts";
import type { Digest } from "../../harness/base/units.ts";

export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface RoomFacts {
  readonly images: readonly {
    readonly digest: Digest;
    /** Milliseconds since 1970. */
    readonly usedAt: number;
    /** A living process resolved it and may read it at any time. */
    readonly isHeld: boolean;
    readonly blobs: readonly Digest[];
  }[];
  /** All blobs that are there, whether an image refers to them or not. */
  readonly blobs: readonly StoredBlob[];
  /** Blobs that a pull under way counts on; `all` where it is not known which. */
  readonly claimed: ReadonlySet<Digest> | "all";
}

export interface RoomWish {
  /** How many bytes the blobs may have together. */
  readonly maxBytes: number;
  /** Images that were not used since then go whatever their size. Milliseconds since 1970. */
  readonly unusedSince?: number;
  /** Blobs of no image go in any case, not only for room. */
  readonly sweep?: boolean;
}

export interface Eviction {
  readonly images: readonly Digest[];
  readonly blobs: readonly StoredBlob[];
}

/** What to remove. Where everything is held or claimed the store stays above its limit. */
export function planEviction(facts: RoomFacts, wish: RoomWish): Eviction {
  const { blobs, claimed } = facts;
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  const users = new Map<Digest, number>();
  for (const image of facts.images)
    for (const blob of new Set(image.blobs)) users.set(blob, (users.get(blob) ?? 0) + 1);
  const isFree = (digest: Digest): boolean =>
    (users.get(digest) ?? 0) === 0 && claimed !== "all" && !claimed.has(digest);
  const gone: StoredBlob[] = [];
  let total = blobs.reduce((sum, { size }) => sum + size, 0);
  const remove = (digest: Digest): void => {
    const size = sizes.get(digest);
    if (size === undefined || !isFree(digest)) return;
    sizes.delete(digest);
    gone.push({ digest, size });
    total -= size;
  };
  if (wish.sweep === true || total > wish.maxBytes) {
    for (const { digest } of blobs) remove(digest);
  }
  const images: Digest[] = [];
  const byUse = [...facts.images].sort((a, b) => a.usedAt - b.usedAt);
  for (const image of byUse) {
    const isOld = wish.unusedSince !== undefined && image.usedAt < wish.unusedSince;
    if (image.isHeld || !(isOld || total > wish.maxBytes)) continue;
    images.push(image.digest);
    for (const blob of new Set(image.blobs)) {
      users.set(blob, (users.get(blob) ?? 1) - 1);
      remove(blob);
    }
  }
  return { images, blobs: gone };
}

/**
 * What the store has, as things of which the oldest goes first: a blob goes with the image that was used last of those that
 * have it, and what no image has goes before all. Together they are all of the store's bytes. Pure.
 */
export function roomEntries({ images, blobs, claimed }: RoomFacts): readonly RoomEntry[] {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  const take = (some: readonly Digest[]): number => {
    let bytes = 0;
    for (const digest of some) {
      bytes += sizes.get(digest) ?? 0;
      sizes.delete(digest);
    }
    return bytes;
  };
  const isClaimed = (digest: Digest): boolean => claimed === "all" || claimed.has(digest);
  const claims = { bytes: take([...sizes.keys()].filter(isClaimed)), usedMs: 0, inUse: true };
  const lastFirst = [...images].sort(
    (a, b) => Number(b.isHeld) - Number(a.isHeld) || b.usedAt - a.usedAt,
  );
  const entries = lastFirst.map(({ blobs: own, usedAt, isHeld }) => ({
    bytes: take(own),
    usedMs: usedAt,
    inUse: isHeld,
  }));
  const loose = { bytes: take([...sizes.keys()]), usedMs: 0, inUse: false };
  return [claims, loose, ...entries];
}
