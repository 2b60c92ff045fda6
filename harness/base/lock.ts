/** A lock that frees itself when its holder dies: a file that names the holder by pid and start time. */
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isOwnerAlive, ownerLabel } from "./workspace.ts";

export interface LockOptions {
  readonly signal: AbortSignal;
  /** Called once when somebody else holds the lock, with the holder's label. */
  readonly onWait?: (holder: string) => void;
}

let counter = 0;
const uniqueName = (path: string): string => `${path}.${ownerLabel()}.${counter++}`;

/** Takes the lock at `path`, waiting for a living holder. Disposing frees it. */
export async function takeLock(path: string, options: LockOptions): Promise<AsyncDisposable> {
  let told = false;
  for (;;) {
    options.signal.throwIfAborted();
    if (await tryTake(path)) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    const holder = await readFile(path, "utf8").catch(() => null);
    if (holder !== null && !isOwnerAlive(holder)) {
      await removeStale(path);
      continue;
    }
    if (!told && holder !== null) options.onWait?.(holder);
    told = true;
    await delay(300, undefined, { signal: options.signal });
  }
}

/** link(2) is atomic and fails when the name exists, and the content is complete before it appears. */
async function tryTake(path: string): Promise<boolean> {
  const draft = uniqueName(path);
  await writeFile(draft, ownerLabel());
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Takes a dead holder's file away. It is moved aside first and looked at again: between our look and the move somebody
 * else may have removed it and taken the lock, and then it is put back.
 */
async function removeStale(path: string): Promise<void> {
  const aside = uniqueName(path);
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const moved = await readFile(aside, "utf8").catch(() => "");
  if (isOwnerAlive(moved)) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}
