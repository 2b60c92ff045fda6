/** Files that are seen whole or not at all. */
import { randomBytes } from "node:crypto";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** `<file>.<pid>-<random>.part`: several processes may write one file, and each its own draft. */
const draftName = /\.(\d+)-[0-9a-f]{12}\.part$/u;

/**
 * Writes beside the place and renames. The draft is always a new file: in a folder from elsewhere a name that could be
 * guessed may be a link to somebody's file. Throws the file system's own error, and leaves no draft then.
 */
export async function writeWhole(path: string, content: string): Promise<void> {
  const draft = `${path}.${process.pid}-${randomBytes(6).toString("hex")}.part`;
  try {
    await writeFile(draft, content, { flag: "wx" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Removes the drafts that writers left which were killed. */
export async function removeDeadDrafts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = Number(draftName.exec(name)?.[1]);
    if (Number.isSafeInteger(pid) && !isAlive(pid))
      await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
