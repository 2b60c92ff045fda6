/** A lock that frees itself when its holder dies: a file that names the holder by pid and start time. */
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isOwnerAlive, ownerLabel } from "./workspace.ts";

export interface LockOptions {
  readonly signal: AbortSignal;
  /** Called once when somebody else holds the lock, with the holder's label. */
  readonly onWait?: (holder: string) => void;
}

let counter = 0;

/** Takes the lock at `path`, waiting for a living holder. Disposing frees it. */
export async function takeLock(path: string, options: LockOptions): Promise<AsyncDisposable> {
  let told = false;
  for (;;) {
    options.signal.throwIfAborted();
    if (await tryTake(path)) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    const holder = await readFile(path, "utf8").catch(() => "");
    if (holder !== "" && !isOwnerAlive(holder)) {
      await rm(path, { force: true });
      continue;
    }
    if (!told) options.onWait?.(holder);
    told = true;
    await delay(300, undefined, { signal: options.signal });
  }
}

/** link(2) is atomic and fails when the name exists, and the content is complete before it appears. */
async function tryTake(path: string): Promise<boolean> {
  const draft = `${path}.${ownerLabel()}.${counter++}`;
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
