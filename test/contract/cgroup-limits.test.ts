/** Limits of containers, read from folders that look as the kernel's do. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { cgroupLimits, memoryGroup, usableProcessors } from "../../harness/engine/cgroup-limits.ts";

const mebi = 1024 * 1024;
const none = { memoryMiB: null, processors: null };

async function limitsOf(files: Readonly<Record<string, string>>) {
  await using folder = await createWorkspace("cgroup");
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return { limits: await cgroupLimits(folder.path), usable: await usableProcessors(folder.path) };
}

test("a pod of version 2: what is left of its limit, files that can be dropped counted as free, and its share of processors", async () => {
  const { limits, usable } = await limitsOf({
    "proc/self/cgroup": "0::/\n",
    "sys/fs/cgroup/memory.max": `${4096 * mebi}\n`,
    "sys/fs/cgroup/memory.current": `${1536 * mebi}\n`,
    "sys/fs/cgroup/memory.stat": `anon 1\ninactive_file ${512 * mebi}\nactive_file 7\n`,
    "sys/fs/cgroup/cpu.max": "50000 100000\n",
  });
  expect(limits).toEqual({ memoryMiB: 3072, processors: 1 });
  expect(usable).toBe(1);
});

test("the least generous of the groups around it counts", async () => {
  const { limits } = await limitsOf({
    "proc/self/cgroup": "0::/kubepods/pod1\n",
    "sys/fs/cgroup/kubepods/memory.max": `${2048 * mebi}\n`,
    "sys/fs/cgroup/kubepods/memory.current": `${1024 * mebi}\n`,
    "sys/fs/cgroup/kubepods/pod1/memory.max": "max\n",
    "sys/fs/cgroup/kubepods/pod1/memory.current": `${1000 * mebi}\n`,
    "sys/fs/cgroup/kubepods/cpu.max": "max 100000\n",
  });
  expect(limits).toEqual({ memoryMiB: 1024, processors: null });
});

test("version 1: the mount shows the container's own group, whatever the path says", async () => {
  const { limits } = await limitsOf({
    "proc/self/cgroup": "4:cpu,memory:/docker/abc\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": `${1024 * mebi}\n`,
    "sys/fs/cgroup/memory/memory.usage_in_bytes": `${512 * mebi}\n`,
    "sys/fs/cgroup/memory/memory.stat": `total_inactive_file ${128 * mebi}\n`,
  });
  expect(limits).toEqual({ memoryMiB: 640, processors: null });
});

test.each<[string, Record<string, string>]>([
  ["nothing is mounted", {}],
  [
    "version 1 says that there is none",
    {
      "proc/self/cgroup": "4:memory:/\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
    },
  ],
  [
    "its files hold something else",
    {
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/memory.max": "\u0000x",
      "sys/fs/cgroup/cpu.max": "many",
    },
  ],
])("there is no limit where %s", async (_what, files) => {
  expect((await limitsOf(files)).limits).toEqual(none);
});

test("usage above the limit leaves nothing, not less", async () => {
  const { limits } = await limitsOf({
    "proc/self/cgroup": "0::/\n",
    "sys/fs/cgroup/memory.max": `${mebi}\n`,
    "sys/fs/cgroup/memory.current": `${2 * mebi}\n`,
  });
  expect(limits.memoryMiB).toBe(0);
});

test("two processes below one limit are of one group, and others are not", async () => {
  await using folder = await createWorkspace("cgroup");
  const put = async (name: string, content: string): Promise<void> => {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  for (const [pod, limit] of [
    ["pod1", `${2048 * mebi}`],
    ["pod2", `${2048 * mebi}`],
    ["free", "max"],
  ]) {
    await put(`sys/fs/cgroup/${pod}/memory.max`, `${limit}\n`);
    await put(`sys/fs/cgroup/${pod}/memory.current`, `${mebi}\n`);
  }
  const groupAt = async (path: string): Promise<string> => {
    await put("proc/self/cgroup", `0::${path}\n`);
    return memoryGroup(folder.path);
  };
  const first = await groupAt("/pod1/a");
  expect(await groupAt("/pod1/b")).toBe(first);
  expect(await groupAt("/pod2/a")).not.toBe(first);
  expect(await groupAt("/free/a")).toBe("none");
});
