/**
 * A folder of the cache for what the reference OS is made of: trees of gigabytes whose files may belong to other users, so
 * that only root's rights remove them. Like all in the cache it is complete or absent (harness/base/draft); the newest of
 * each kind stay, and so does what a living process uses.
 */

import { mkdir, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Draft, type DraftPlace, openDraft, takeAway } from "../../harness/base/draft.ts";
import { HostUnfit } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { takeLock } from "../../harness/base/lock.ts";
import { livingNames, markedPart, putMark, removeDeadNames } from "../../harness/base/marks.ts";
import { isOwnerAlive } from "../../harness/base/owner.ts";
import { lockShelves } from "../../harness/base/shelf-room.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import { type BuildContext, removeAsRoot, rootWay, runTool } from "./privileged.ts";

const mappedMark = "-mapped";
/** As drafts were named once; what killed builds of that time left is removed. */
const oldPartialMark = ".partial-";

/** The slot of a tree whose files belong to the ids of a system: root's own ids or, in a user namespace, a range of the user's. */
export async function treeSlot(cacheDir: string, kind: string, key: string): Promise<string> {
  const name = `${key.slice(0, 12)}${(await rootWay()) === "namespace" ? mappedMark : ""}`;
  return join(cacheDir, kind, name);
}

/** Where a slot's drafts and marks are: `CACHE/KIND/SLOT`. */
function placesOf(slot: string) {
  const parent = dirname(slot);
  const cacheDir = dirname(parent);
  const drafts: DraftPlace = {
    folder: join(parent, ".staging"),
    cacheDir,
    // Programs of the build give up root's rights, and have to get through to the tree.
    mode: 0o755,
    remove: removeAfterFailure,
    sync: syncFileSystem,
  };
  return { parent, cacheDir, drafts, marks: join(parent, ".in-use") };
}

/** A folder beside a slot for what a build needs on the way, removed with its disposal or by the next build. */
export const openSlotDraft = (slot: string): Promise<Draft> =>
  openDraft(placesOf(slot).drafts, basename(slot));

/** Files of a tree may be closed to this process, which only the kernel's own way does not ask (sync(1), syncfs(2)). */
const syncFileSystem = async (path: string): Promise<void> => {
  await runTool("sync", ["--file-system", path], {});
};

/** Removes what killed builds of older versions left beside the slots. */
async function removeOldPartials(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, owner] = name.split(oldPartialMark);
    if (owner !== undefined && !isOwnerAlive(owner, dirname(parent)))
      await removeAfterFailure(join(parent, name));
  }
}

/** A slot is a gigabyte or more. The newest are kept: another checkout may want one that is not ours. */
const slotsKept = 3;

/** Folders of slots in the cache. */
export const slotKinds = [
  "reference",
  "reference-base",
  "reference-seed",
  "reference-bootupd",
  "reference-podman",
  "reference-flatpak",
  "reference-kernel",
  "reference-secure-boot",
  "plain-disk",
  "pykickstart",
  "virt-firmware",
  "secure-boot",
  "reference-installer",
] as const;

/** Removes the slots of a kind but for the newest and those in use, and what killed builds left. Returns what went. */
export async function removeSlots(
  parent: string,
  keep: number,
  signal: AbortSignal,
): Promise<string[]> {
  const { cacheDir, drafts, marks } = placesOf(join(parent, "any"));
  await removeOldPartials(parent);
  await removeDeadNames(drafts.folder, cacheDir, removeAfterFailure);
  await removeDeadNames(marks, cacheDir);
  const { gone, old } = await (async () => {
    await using _lock = await lockShelves(cacheDir, signal);
    const used = new Set((await livingNames(marks, cacheDir)).map(markedPart));
    const names = (await readdir(parent)).filter((name) => /^[0-9a-f]{12}(-mapped)?$/.test(name));
    const slots = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(parent, name))).mtimeMs })),
    );
    const surplus = slots.sort((a, b) => b.at - a.at).slice(keep);
    const paths = surplus.flatMap(({ name }) => (used.has(name) ? [] : [join(parent, name)]));
    return { gone: paths, old: await Promise.all(paths.map((path) => takeAway(path, drafts))) };
  })();
  for (const one of old) await one[Symbol.asyncDispose]();
  return gone;
}

/**
 * The clean-up must run although the build was aborted; children that are still ending may write for a moment more. What
 * cannot be removed, such as a tree that real root made, stays for one who can.
 */
async function removeAfterFailure(path: string): Promise<void> {
  const { signal } = new AbortController();
  for (let attempt = 0; attempt < 10 && (await exists(path)); attempt++) {
    if (attempt > 0) await delay(500);
    await removeAsRoot(path, signal).catch(() => undefined);
  }
}

/** True where the slot is there; it is this process's then until its end, and is not removed. */
async function holdSlot(slot: string, signal: AbortSignal): Promise<boolean> {
  const { cacheDir, marks } = placesOf(slot);
  if (!(await exists(slot))) return false;
  await using _lock = await lockShelves(cacheDir, signal);
  if (!(await exists(slot))) return false;
  await removeDeadNames(marks, cacheDir);
  await putMark(marks, basename(slot), cacheDir);
  return true;
}

/** Held while something is added to a slot. */
export const lockSlot = (slot: string, context: BuildContext): Promise<AsyncDisposable> =>
  takeLock(`${slot}.lock`, {
    signal: context.signal,
    onWait: (holder) => context.onProgress(waitWords(holder, `builds ${basename(slot)}`)),
  });

/** Returns `slot`, after filling it when it is not there. Two builds at once: the second waits for the first. */
export async function fillSlot(
  slot: string,
  fill: (folder: string) => Promise<void>,
  context: BuildContext,
): Promise<string> {
  const { signal } = context;
  if (await holdSlot(slot, signal)) return slot;
  const { parent } = placesOf(slot);
  await mkdir(parent, { recursive: true });
  await using _lock = await lockSlot(slot, context);
  if (await holdSlot(slot, signal)) return slot;
  // Where root's rights cannot be had, nothing is begun.
  await rootWay();
  await using draft = await openSlotDraft(slot);
  await fill(draft.path);
  await draft.moveTo(slot);
  // Somebody may have removed it at once.
  if (!(await holdSlot(slot, signal)))
    throw new HostUnfit(`'${slot}' was removed as soon as it was made.`, {
      details: { "to do": "run it again while nothing cleans the cache" },
    });
  await removeSlots(parent, slotsKept, signal);
  return slot;
}
