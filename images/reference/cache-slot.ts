/** A folder of the cache that is either complete or absent: it is built beside its place and renamed at the end. */

import { mkdir, readdir, rename, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { exists } from "../../harness/base/exists.ts";
import { takeLock } from "../../harness/base/lock.ts";
import { isOwnerAlive, ownerLabel } from "../../harness/base/workspace.ts";
import { type BuildContext, removeAsRoot, rootWay } from "./privileged.ts";

export const partialMark = ".partial-";

const mappedMark = "-mapped";

/** The slot of a tree whose files belong to the ids of a system: root's own ids or, in a user namespace, a range of the user's. */
export async function treeSlot(cacheDir: string, kind: string, key: string): Promise<string> {
  const name = `${key.slice(0, 12)}${(await rootWay()) === "namespace" ? mappedMark : ""}`;
  return join(cacheDir, kind, name);
}

/** What cannot be removed, such as a tree that real root made, does not stop a build. */
async function removeIfWeMay(path: string, signal: AbortSignal): Promise<void> {
  await removeAsRoot(path, signal).catch(() => signal.throwIfAborted());
}

/** Removes what killed builds left in a folder of slots. */
export async function removeDeadPartials(parent: string, signal: AbortSignal): Promise<void> {
  for (const name of await readdir(parent).catch(() => [] as string[])) {
    const owner = name.split(partialMark)[1];
    if (owner !== undefined && !isOwnerAlive(owner))
      await removeIfWeMay(join(parent, name), signal);
  }
}

/** A slot is a gigabyte or more. The newest are kept: another checkout, or a run that goes on, may use one that is not ours. */
const slotsKept = 3;

async function removeOldSlots(parent: string, signal: AbortSignal): Promise<void> {
  const names = (await readdir(parent)).filter((name) => /^[0-9a-f]{12}(-mapped)?$/.test(name));
  const slots = await Promise.all(
    names.map(async (name) => ({
      path: join(parent, name),
      at: (await stat(join(parent, name))).mtimeMs,
    })),
  );
  for (const { path } of slots.sort((a, b) => b.at - a.at).slice(slotsKept)) {
    // A slot that is removed in part must not be taken for a whole one.
    const leftover = `${path}${partialMark}${ownerLabel()}`;
    await rename(path, leftover);
    await removeIfWeMay(leftover, signal);
  }
}

/** The clean-up must run although the build was aborted; children that are still ending may write for a moment more. */
export async function removeAfterFailure(path: string): Promise<void> {
  const { signal } = new AbortController();
  for (let attempt = 0; attempt < 10; attempt++) {
    const removed = await removeAsRoot(path, signal).then(
      () => true,
      () => false,
    );
    if (removed && !(await exists(path))) return;
    await delay(500);
  }
}

/** Returns `slot`, after filling it when it is not there. Two builds at once: the second waits for the first. */
export async function fillSlot(
  slot: string,
  fill: (folder: string) => Promise<void>,
  context: BuildContext,
): Promise<string> {
  if (await exists(slot)) return slot;
  const parent = dirname(slot);
  await mkdir(parent, { recursive: true });
  await using _lock = await takeLock(`${slot}.lock`, {
    signal: context.signal,
    onWait: (holder) =>
      context.onProgress(`waiting for another build (${holder}) of ${basename(slot)}`),
  });
  if (await exists(slot)) return slot;
  // Where root's rights cannot be had, nothing is begun.
  await rootWay();
  const draft = `${slot}${partialMark}${ownerLabel()}`;
  try {
    await mkdir(draft);
    await fill(draft);
    await rename(draft, slot);
    await removeOldSlots(parent, context.signal);
  } catch (error) {
    await removeAfterFailure(draft);
    throw error;
  }
  return slot;
}
