/**
 * Temporary folders that belong to a run. Each is labelled with the process that owns it (pid and start time, since
 * pids are used again), so that the next start or `clean` can remove what a killed run left and never what a live one uses.
 */
import { readFileSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import tmp from "tmp-promise";

/** A folder that disappears with its owner. */
export interface Workspace extends AsyncDisposable {
  readonly path: string;
}

/** Start time of a process in clock ticks since boot (proc(5), field 22), or null when there is no such process. */
export function processStartTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** A label that names this process for good: `<pid>-<start ticks>`. */
export const ownerLabel = (pid = process.pid): string => `${pid}-${processStartTicks(pid) ?? "0"}`;

/** True while the process that a label names is alive. */
export function isOwnerAlive(label: string): boolean {
  const match = /^(\d+)-(\d+)/.exec(label);
  return match !== null && processStartTicks(Number(match[1])) === match[2];
}

/** The folder under which all workspaces of this user live. Short, since UNIX sockets go below it (108 bytes, unix(7)). */
export const workspaceRoot = (): string => join(tmpdir(), `bootgate-${userInfo().uid}`);

/** `$XDG_CACHE_HOME/bootgate` (XDG base directory specification). */
export function cacheRoot(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "bootgate");
}

/** Makes an empty folder owned by this process. Disposing removes it and never throws. */
export async function createWorkspace(purpose: string): Promise<Workspace> {
  await mkdir(workspaceRoot(), { recursive: true, mode: 0o700 });
  const { path } = await tmp.dir({
    tmpdir: workspaceRoot(),
    template: `${ownerLabel()}-${purpose.replaceAll(/[^a-z0-9]/gi, "").slice(0, 12)}-XXXXXX`,
    mode: 0o700,
  });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}

/** Removes the folders of processes that are no more. Returns the paths removed. */
export async function removeDeadWorkspaces(): Promise<string[]> {
  const names = await readdir(workspaceRoot()).catch(() => [] as string[]);
  const dead = names
    .filter((name) => !isOwnerAlive(name))
    .map((name) => join(workspaceRoot(), name));
  await Promise.all(dead.map((path) => rm(path, { recursive: true, force: true })));
  return dead;
}
