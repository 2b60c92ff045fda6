/**
 * Folders that are seen whole or not at all. One is filled as a draft that carries its maker's label, beside its place on
 * the same file system, brought to the disk, and renamed. What a killed maker left is removed by the next one; what is
 * removed is renamed away first, so that half of it never looks like the whole.
 */
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownName, removeDeadNames } from "./marks.ts";

export interface DraftPlace {
  /** Where the drafts are. Made where it is missing. */
  readonly folder: string;
  /** Where labels are kept. */
  readonly cacheDir: string;
  /** Of the folders. Default 0700. */
  readonly mode?: number;
  /** Removes a folder; for trees that belong to others. Must not throw where there is none. */
  readonly remove?: (path: string) => Promise<void>;
  /** Brings a folder's content to the disk; for trees that this process may not read. */
  readonly sync?: (path: string) => Promise<void>;
}

export interface Draft extends AsyncDisposable {
  readonly path: string;
  /** Brings the content to the disk. `moveTo` does it too; a maker that holds a lock meanwhile does it before. */
  sync(): Promise<void>;
  /** Gives the folder its place. False where a folder is there already: that one stays. */
  moveTo(place: string): Promise<boolean>;
}

const removeTree = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

/** An empty folder to fill. Disposing removes it unless it was moved. `name` is for people who look. */
export async function openDraft(place: DraftPlace, name: string): Promise<Draft> {
  const { folder, cacheDir, mode = 0o700, remove = removeTree, sync = syncTree } = place;
  await removeDeadNames(folder, cacheDir, remove);
  await mkdir(folder, { recursive: true, mode });
  const path = join(folder, ownName(name, cacheDir));
  await mkdir(path, { mode });
  let isMoved = false;
  let synced: Promise<void> | undefined;
  const bring = (): Promise<void> => {
    synced ??= sync(path);
    return synced;
  };
  return {
    path,
    sync: bring,
    async moveTo(target) {
      await bring();
      isMoved = await rename(path, target).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOTEMPTY" || error.code === "EEXIST") return false;
          throw error;
        },
      );
      if (isMoved) await syncPath(dirname(target));
      return isMoved;
    },
    async [Symbol.asyncDispose]() {
      if (!isMoved) await remove(path).catch(() => undefined);
    },
  };
}

/** Takes a folder out of its place at once; what it was is removed when the result is disposed, or by the next maker. */
export async function takeAway(path: string, place: DraftPlace): Promise<AsyncDisposable> {
  const { folder, cacheDir, mode = 0o700, remove = removeTree } = place;
  await mkdir(folder, { recursive: true, mode });
  const away = join(folder, ownName("gone", cacheDir));
  await rename(path, away).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  return { [Symbol.asyncDispose]: () => remove(away).catch(() => undefined) };
}

/**
 * Brings all files and names below a folder to the disk. After a power cut a renamed folder would else be there with
 * files that are empty or full of zeros (rename(2) says nothing of the content; fsync(2)).
 */
export async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncPath(path);
  }
  await syncPath(folder);
}

/** Brings a file or a folder to the disk. Some file systems cannot do it for a folder (EINVAL, fsync(2)); one that is full or broken says so here. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync().catch((error: NodeJS.ErrnoException) => {
      if (!["EINVAL", "ENOTSUP", "EBADF", "EROFS"].includes(error.code ?? "")) throw error;
    });
  } finally {
    await file.close();
  }
}
