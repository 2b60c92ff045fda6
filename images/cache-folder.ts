/**
 * A folder of the cache that is either whole or absent: it is filled beside its place under a name that says whose it
 * is, and renamed at the end. Of two processes that want one folder the second waits for the first.
 */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { takeLock } from "../harness/base/lock.ts";
import { isOwnerAlive, ownerLabel } from "../harness/base/workspace.ts";

export interface FolderRequest {
  /** The folder that all folders of this kind are in; made where it is missing. */
  readonly root: string;
  readonly name: string;
  readonly signal: AbortSignal;
  /** Called once when another process is at it. */
  readonly onWait?: () => void;
  /** True where the folder that is there will do. Whatever else is there is replaced. */
  readonly isWhole: (folder: string) => Promise<boolean>;
  /** Puts everything into the draft. What it throws leaves nothing behind. */
  readonly fill: (draft: string) => Promise<void>;
}

/** Path of the folder, filled where it was not whole. Throws what `fill` throws. */
export async function cacheFolder(request: FolderRequest): Promise<string> {
  const { root, name, signal, onWait, isWhole, fill } = request;
  const place = join(root, name);
  await mkdir(root, { recursive: true });
  await using _lock = await takeLock(`${place}.lock`, {
    signal,
    ...(onWait === undefined ? {} : { onWait }),
  });
  if (await isWhole(place)) return place;
  await removeDeadDrafts(root);
  const draft = join(root, `${ownerLabel()}-${name}`);
  await mkdir(draft);
  try {
    await fill(draft);
    await rm(place, { recursive: true, force: true });
    await rename(draft, place);
    return place;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Removes what killed processes left. */
async function removeDeadDrafts(root: string): Promise<void> {
  const drafts = (await readdir(root)).filter((name) => /^\d+-\d+-/.test(name));
  const dead = drafts.filter((name) => !isOwnerAlive(name));
  await Promise.all(dead.map((name) => rm(join(root, name), { recursive: true, force: true })));
}
