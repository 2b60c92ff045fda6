/**
 * Marks of the store: files whose names begin with the label of the process that made them. A mark counts for as long as
 * that process lives (harness/base/marks), so what a killed process held or wanted is free at once.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { livingNames, removeDeadNames } from "../../harness/base/marks.ts";
import { type Digest, isDigest } from "../../harness/base/units.ts";

/** The store's folder and the place where its owners' labels are. */
export interface MarkedPlace {
  readonly root: string;
  readonly cacheDir: string;
}

export const markFolders = ["held", "claims", "drafts"] as const;

/** Marks in a folder whose owner lives. */
export const aliveMarks = (
  { root, cacheDir }: MarkedPlace,
  folder: (typeof markFolders)[number],
): Promise<readonly string[]> => livingNames(join(root, folder), cacheDir);

/** Removes what dead processes left, half-made images among it. */
export async function removeDeadMarks({ root, cacheDir }: MarkedPlace): Promise<void> {
  for (const folder of markFolders) await removeDeadNames(join(root, folder), cacheDir);
}

/** Blobs that pulls under way count on; `all` where one does not know yet, or does not say it whole. */
export async function claimedBlobs(place: MarkedPlace): Promise<ReadonlySet<Digest> | "all"> {
  const digests = new Set<Digest>();
  for (const name of await aliveMarks(place, "claims")) {
    const claim = readClaim(
      await readFile(join(place.root, "claims", name), "utf8").catch(() => "[]"),
    );
    if (claim === null) return "all";
    for (const digest of claim) if (isDigest(digest)) digests.add(digest);
  }
  return digests;
}

function readClaim(text: string): readonly string[] | null {
  try {
    return z.array(z.string()).nullable().parse(JSON.parse(text));
  } catch {
    return null;
  }
}
