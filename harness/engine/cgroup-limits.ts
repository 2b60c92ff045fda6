/**
 * What a container may use: the limits of its control groups, which `/proc/meminfo` and the number of processors do not
 * show. Who starts more guests than a pod's memory holds is killed by the kernel (cgroup-v2.rst, "memory.max"; v1: memory.rst).
 */
import { readFile, stat } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";

export interface CgroupLimits {
  /** What is left of the least generous limit, files that can be dropped counted as free; null where there is none. */
  readonly memoryMiB: number | null;
  /** How many processors' worth of time may be used; null where there is no limit. */
  readonly processors: number | null;
}

/** The files that one version of control groups has, and how its statistics call droppable files. */
const versions = [
  {
    controller: "",
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    usage: "memory.current",
    droppable: "inactive_file",
  },
  {
    controller: "memory",
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    droppable: "total_inactive_file",
  },
] as const;

/** Reads the limits of this process. What cannot be read limits nothing. `root` is where the file systems are mounted. */
export async function cgroupLimits(root = "/"): Promise<CgroupLimits> {
  const processors: number[] = [];
  for (const { folder, version } of await ownFolders(root))
    if (version.controller === "") processors.push(...(await processorsIn(folder)));
  const least = await leastRoom(root);
  return {
    memoryMiB: least === null ? null : Math.floor(least.bytes / 1024 ** 2),
    processors: processors.length === 0 ? null : Math.min(...processors),
  };
}

/**
 * Names the control group that leaves this process least memory, or says `none`: processes with one name share one limit. A
 * folder of a control group has the same inode in whichever container it is seen (kernfs).
 */
export async function memoryGroup(root = "/"): Promise<string> {
  const least = await leastRoom(root);
  if (least === null) return "none";
  const { dev, ino } = await stat(least.folder);
  return `${dev}:${ino}`;
}

interface OwnFolder {
  readonly folder: string;
  readonly version: (typeof versions)[number];
}

/** The groups of this process and those around them, in each version that is mounted. */
async function ownFolders(root: string): Promise<OwnFolder[]> {
  const own = (await text(join(root, "proc/self/cgroup"))) ?? "";
  return versions.flatMap((version) => {
    const path = pathOf(own, version.controller);
    if (path === null) return [];
    return foldersUpTo(join(root, version.mount), path).map((folder) => ({ folder, version }));
  });
}

async function leastRoom(
  root: string,
): Promise<{ readonly folder: string; readonly bytes: number } | null> {
  const rooms: { readonly folder: string; readonly bytes: number }[] = [];
  for (const { folder, version } of await ownFolders(root))
    for (const bytes of await roomIn(folder, version)) rooms.push({ folder, bytes });
  return rooms.reduce<(typeof rooms)[number] | null>(
    (least, one) => (least === null || one.bytes < least.bytes ? one : least),
    null,
  );
}

/** The group of a process in the hierarchy of a controller, by lines `ID:CONTROLLERS:PATH` (cgroups(7)). */
function pathOf(own: string, controller: string): string | null {
  for (const line of own.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers?.split(",").includes(controller)) return path ?? null;
  }
  return null;
}

/** A group and those around it. In a container the path may be the host's: then only the mount itself is there. */
function foldersUpTo(mount: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    folders.push(join(mount, at));
    if (at === "/") return folders;
  }
}

async function roomIn(
  folder: string,
  { limit, usage, droppable }: (typeof versions)[number],
): Promise<number[]> {
  const most = Number(await text(join(folder, limit)));
  const used = Number(await text(join(folder, usage)));
  // `max`, a missing file, or version 1's number for "no limit".
  if (!Number.isSafeInteger(most) || most <= 0 || !Number.isSafeInteger(used)) return [];
  const statistics = (await text(join(folder, "memory.stat"))) ?? "";
  const files = Number(new RegExp(`^${droppable} (\\d+)$`, "m").exec(statistics)?.[1] ?? 0);
  return [Math.max(0, most - Math.max(0, used - files))];
}

/** `QUOTA PERIOD` in microseconds, `max PERIOD` for none (cgroup-v2.rst, "cpu.max"). */
async function processorsIn(folder: string): Promise<number[]> {
  const [, quota, period] =
    /^(\d+) (\d+)$/.exec((await text(join(folder, "cpu.max")))?.trim() ?? "") ?? [];
  if (quota === undefined || Number(period) === 0) return [];
  return [Math.max(1, Math.ceil(Number(quota) / Number(period)))];
}

/** Processors of this host, or as many as the limit of its container is worth. */
export async function usableProcessors(root = "/"): Promise<number> {
  const { processors } = await cgroupLimits(root);
  return Math.max(1, Math.min(cpus().length, processors ?? Number.POSITIVE_INFINITY));
}

const text = (path: string): Promise<string | null> => readFile(path, "utf8").catch(() => null);
