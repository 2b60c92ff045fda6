/** Files that are seen whole or not at all. */
import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A name beside the target under which it is made: several processes may write one target, and each its own draft. */
export const draftOf = (target: string): string =>
  `${target}.${whereWeAre()}.${process.pid}-${randomBytes(6).toString("hex")}.part`;

/** The end of such a name. */
export const draftName = /\.([0-9a-f]{8}-\d+)\.(\d+)-[0-9a-f]{12}\.part$/u;

/** A draft lives for milliseconds. One of another host or container, whose processes cannot be seen, is left behind after this. */
const oldMs = 3_600_000;

/** Where a pid means this process: the boot (random(4), boot_id) and the PID namespace (pid_namespaces(7)). */
export function whereWeAre(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  const namespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  return `${boot}-${namespace}`;
}

/**
 * Writes beside the place and renames. The draft is always a new file: in a folder from elsewhere a name that could be
 * guessed may be a link to somebody's file. Throws the file system's own error, and leaves no draft then: what stood at
 * the place stands there still.
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  mode = 0o666,
): Promise<void> {
  const draft = draftOf(path);
  try {
    await writeFile(draft, content, { flag: "wx", mode });
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
    const [, where, pid] = draftName.exec(name) ?? [];
    if (where === undefined) continue;
    const path = join(folder, name);
    const isDead = where === whereWeAre() ? !isAlive(Number(pid)) : await isOld(path);
    if (isDead) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

const isOld = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs > oldMs,
    () => false,
  );

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
