/**
 * What a container may use: the limits of its control groups, which `/proc/meminfo` and the number of processors do not
 * show. Who starts more guests than a pod's memory holds is killed by the kernel (cgroup-v2.rst, "memory.max"; v1: memory.rst).
 */
import { readFile } from "node:fs/promises";
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
  const own = (await text(join(root, "proc/self/cgroup"))) ?? "";
  const rooms: number[] = [];
  const processors: number[] = [];
  for (const version of versions) {
    const path = pathOf(own, version.controller);
    if (path === null) continue;
    const mount = join(root, version.mount);
    for (const folder of foldersUpTo(mount, path)) {
      rooms.push(...(await roomIn(folder, version)));
      if (version.controller === "") processors.push(...(await processorsIn(folder)));
    }
  }
  return {
    memoryMiB: rooms.length === 0 ? null : Math.floor(Math.min(...rooms) / 1024 ** 2),
    processors: processors.length === 0 ? null : Math.min(...processors),
  };
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
