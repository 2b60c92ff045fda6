/**
 * For how long the kernel has kept this process's control groups from the processors that they would have used: a limit of a
 * container slows guests down, and neither steal nor load show it (cgroup-v2.rst, "cpu.stat"; version 1: sched-bwc.rst).
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const versions = [
  { controller: "", mount: "sys/fs/cgroup", field: "throttled_usec", perMs: 1000 },
  { controller: "cpu", mount: "sys/fs/cgroup/cpu", field: "throttled_time", perMs: 1_000_000 },
] as const;

/**
 * Milliseconds since the groups were made, summed over processors, of the one that was held back most; null where no group
 * has a limit or nobody says. Never throws. `root` is where the file systems are mounted.
 */
export function throttledMs(root = "/"): number | null {
  const own = read(join(root, "proc/self/cgroup"));
  const found: number[] = [];
  for (const { controller, mount, field, perMs } of versions) {
    for (const folder of foldersUpTo(join(root, mount), groupOf(own, controller))) {
      const value = new RegExp(`^${field} (\\d{1,18})$`, "m").exec(read(join(folder, "cpu.stat")));
      if (value !== null) found.push(Number(value[1]) / perMs);
    }
  }
  return found.length === 0 ? null : Math.max(...found);
}

/** By lines `ID:CONTROLLERS:PATH` (cgroups(7)); the root where none fits. */
function groupOf(own: string, controller: string): string {
  for (const line of own.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers?.split(",").includes(controller)) return path ?? "/";
  }
  return "/";
}

function foldersUpTo(mount: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    folders.push(join(mount, at));
    if (at === "/") return folders;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
