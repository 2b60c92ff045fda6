/**
 * Temporary folders that belong to a run: one for data, one for sockets. Each is labelled with the process that owns
 * it, so that the next start or `clean` can remove what a killed run left and never what a live one uses.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import tmp from "tmp-promise";
import { isOwnerAlive, ownerLabel, removeDeadOwners } from "./owner.ts";
import { cacheRoot, requirePrivateFolder, socketRoot, workspaceRoot } from "./places.ts";

export { isOwnerAlive, ownerLabel } from "./owner.ts";
export { cacheRoot, workspaceRoot } from "./places.ts";

/** Folders that disappear with their owner. */
export interface Workspace extends AsyncDisposable {
  /** For data: on the cache's file system. */
  readonly path: string;
  /** For UNIX sockets: its path is short, and its file system may be memory. */
  readonly sockets: string;
}

/** Makes the folder that holds all workspaces' data. Throws HostUnfit when somebody else could write to it. */
export const ensureWorkspaceRoot = (): Promise<string> => requirePrivateFolder(workspaceRoot());

/** Makes empty folders owned by this process. Disposing removes them and never throws. Throws HostUnfit where they cannot be made. */
export async function createWorkspace(purpose: string): Promise<Workspace> {
  const data = await ensureWorkspaceRoot();
  const runtime = await requirePrivateFolder(socketRoot());
  const word = purpose.replaceAll(/[^a-z0-9]/gi, "").slice(0, 12);
  const path = await makeLabelled(data, `${ownerLabel()}-${word}`);
  const sockets = await makeLabelled(runtime, ownerLabel(runtime));
  return {
    path,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const folder of [path, sockets])
        await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}

async function makeLabelled(root: string, label: string): Promise<string> {
  const { path } = await tmp.dir({ tmpdir: root, template: `${label}-XXXXXX`, mode: 0o700 });
  return path;
}

/** Removes the folders of processes that have ended. Returns the paths removed. */
export async function removeDeadWorkspaces(): Promise<string[]> {
  const runtime = socketRoot();
  const removed: string[] = [];
  for (const [root, place] of [
    [workspaceRoot(), cacheRoot()],
    [runtime, runtime],
  ] as const) {
    const names = await readdir(root).catch(() => [] as string[]);
    const dead = names
      .filter((name) => /^\d+-/.test(name) && !isOwnerAlive(name, place))
      .map((name) => join(root, name));
    await Promise.all(dead.map((path) => rm(path, { recursive: true, force: true })));
    removeDeadOwners(place);
    removed.push(...dead);
  }
  return removed;
}
