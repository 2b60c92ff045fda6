/**
 * Marks of the store: files whose names begin with the label of the process that made them. A mark counts for as long as
 * that process lives (harness/base/owner), so what a killed process held or wanted is free at once.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isOwnerAlive } from "../../harness/base/owner.ts";
import { type Digest, isDigest } from "../../harness/base/units.ts";

/** The store's folder and the place where its owners' labels are. */
export interface MarkedPlace {
  readonly root: string;
  readonly cacheDir: string;
}

export const markFolders = ["held", "claims", "drafts"] as const;

/** Marks in a folder whose owner lives. */
export async function aliveMarks(
  { root, cacheDir }: MarkedPlace,
  folder: (typeof markFolders)[number],
): Promise<readonly string[]> {
  const owners = new Map<string, boolean>();
  return (await readdir(join(root, folder))).filter((name) => {
    const owner = /^\d+-\d+/.exec(name)?.[0] ?? "";
    const known = owners.get(owner) ?? isOwnerAlive(name, cacheDir);
    owners.set(owner, known);
    return known;
  });
}

/** Removes what dead processes left, half-made images among it. */
export async function removeDeadMarks(place: MarkedPlace): Promise<void> {
  for (const folder of markFolders) {
    const path = join(place.root, folder);
    const names = await readdir(path);
    const alive = new Set(await aliveMarks(place, folder));
    for (const name of names)
      if (!alive.has(name)) await rm(join(path, name), { recursive: true, force: true });
  }
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
