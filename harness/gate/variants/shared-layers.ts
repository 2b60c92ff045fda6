/** Which layers an image has in common with which: what a registry and a guest keep once, by the digests of the blobs. */
import type { Variant } from "./variants.ts";

export interface SharedRow {
  readonly variant: Variant;
  /** Null: nothing tells of which layers it is. */
  readonly own: Share | null;
  /** The others with which it shares any, most bytes first. */
  readonly shares: readonly (Share & { readonly other: Variant })[];
}

export interface Share {
  readonly layers: number;
  readonly bytes: number;
}

/** A row an image. An image that has one layer twice has it once. */
export function sharedLayersOf(variants: readonly Variant[]): SharedRow[] {
  const blobs = new Map(
    variants.map((one) => [
      one,
      new Map((one.layers?.layers ?? []).map(({ digest, size }) => [digest, size])),
    ]),
  );
  return variants.map((variant) => {
    const mine = blobs.get(variant) ?? new Map<string, number>();
    const shares = variants.flatMap((other) => {
      const theirs = blobs.get(other);
      if (other === variant || theirs === undefined) return [];
      const share = shareOf([...mine].filter(([digest]) => theirs.has(digest)));
      return share.layers === 0 ? [] : [{ ...share, other }];
    });
    return {
      variant,
      own: variant.layers === null ? null : shareOf([...mine]),
      shares: shares.toSorted((one, other) => other.bytes - one.bytes),
    };
  });
}

const shareOf = (blobs: readonly (readonly [string, number])[]): Share => ({
  layers: blobs.length,
  bytes: blobs.reduce((sum, [, size]) => sum + size, 0),
});
