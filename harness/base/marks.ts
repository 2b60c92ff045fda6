/**
 * Names in a folder that say whose they are: each begins with the label of the process that made it (`owner.ts`). A name
 * counts while that process lives, so what a killed process marked, wanted or half made is free at once.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isOwnerAlive, ownerLabel } from "./owner.ts";

let names = 0;

/** A name of this process that nobody else has. `cacheDir` is where labels are kept; `what` begins with no digit. */
export const ownName = (what: string, cacheDir: string): string =>
  `${ownerLabel(cacheDir)}-${names++}.${what}`;

/** What stands behind the owner in a name of `ownName`. */
export const markedPart = (name: string): string => name.slice(name.indexOf(".") + 1);

/** Names in the folder whose owner lives; an empty list where the folder does not exist. */
export async function livingNames(folder: string, cacheDir: string): Promise<string[]> {
  const owners = new Map<string, boolean>();
  return (await namesIn(folder)).filter((name) => {
    const owner = /^\d+-\d+/.exec(name)?.[0] ?? "";
    const known = owners.get(owner) ?? isOwnerAlive(name, cacheDir);
    owners.set(owner, known);
    return known;
  });
}

const removeTree = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

/** Removes what has no living owner, half-made folders among it. */
export async function removeDeadNames(
  folder: string,
  cacheDir: string,
  remove: (path: string) => Promise<void> = removeTree,
): Promise<void> {
  // Listed before it is asked who lives: a name that comes meanwhile is not in the list.
  const all = await namesIn(folder);
  if (all.length === 0) return;
  const alive = new Set(await livingNames(folder, cacheDir));
  for (const name of all) if (!alive.has(name)) await remove(join(folder, name));
}

/** Marks something for this process, until it is disposed or this process has ended. */
export async function putMark(
  folder: string,
  what: string,
  cacheDir: string,
): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const mark = join(folder, ownName(what, cacheDir));
  await writeFile(mark, "");
  return { [Symbol.asyncDispose]: () => rm(mark, { force: true }).catch(() => undefined) };
}

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
