/** Memory of guests in /dev/shm: shared by all runs, never promised twice, and not needed. */
import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { openGuestMemory } from "../../harness/machine/qemu/guest-memory.ts";
import { namespaceWay, Script } from "../contract/support/namespaces.ts";

/** A mount namespace with a /dev/shm of this size and no other, as a container has. */
function withShm(size: string, skip: (reason: string) => never): readonly string[] {
  namespaceWay(skip);
  const mount = `mount -t tmpfs -o size=${size} tmpfs /dev/shm && exec "$@"`;
  const root = ["unshare", "--mount", "sh", "-c", mount, "sh"];
  const user = ["unshare", "--map-root-user", ...root.slice(1)];
  const isRoot = spawnSync(root[0] ?? "", [...root.slice(1), "true"]).status === 0;
  return isRoot ? root : user;
}

test("the 64 MiB that a container has keep no machine from starting, and it is said what that costs", async ({
  skip,
}) => {
  await using script = new Script("opens-memory.ts", ["1536"], { way: withShm("64m", skip) });
  expect(await script.line(0)).toBe(
    "/dev/shm has no room for the 1536 MiB of a guest (1472 MiB are missing, with what other guests have yet to take), so what guests are forked from holds all of their memory, and forks start more slowly; a container has more by --shm-size.",
  );
});

test("a host without /dev/shm is served too", async ({ skip }) => {
  namespaceWay(skip);
  const hide = 'mount -t proc proc /dev/shm && exec "$@"';
  const root = ["unshare", "--mount", "sh", "-c", hide, "sh"];
  if (spawnSync("unshare", [...root.slice(1), "true"]).status !== 0) return skip("needs root");
  await using script = new Script("opens-memory.ts", ["1"], { way: root });
  expect(await script.line(0)).toContain("(it is not a tmpfs)");
});

test("guests of one run are not promised more together than there is, though none of them has written yet", async ({
  skip,
}) => {
  const way = withShm("100m", skip);
  await using script = new Script("opens-memory.ts", ["60", "60", "40"], { way });
  expect(await script.line(0)).toBe("given");
  expect(await script.line(1)).toContain("20 MiB are missing");
  expect(await script.line(2)).toBe("given");
});

test("what guests elsewhere were promised of another /dev/shm does not count", async ({ skip }) => {
  const way = withShm("100m", skip);
  await using other = new Script("opens-memory.ts", ["90"], { way });
  expect(await other.line(0)).toBe("given");
  await using script = new Script("opens-memory.ts", ["90"], { way });
  expect(await script.line(0)).toBe("given");
});

test("two runs share it, and what a killed one was promised is free at once", async ({ skip }) => {
  // Both in one namespace: the first is started by its shell and killed by the test.
  const way = withShm("100m", skip);
  const mount = [...way.slice(0, -1)];
  const two = `setpriv --pdeathsig KILL "$@" & first=$!; echo "pid $first"; while kill -0 $first 2>/dev/null; do sleep 0.05; done; exec "$@"`;
  const nested = [...mount, "sh", "sh", "-c", two, "sh"];
  await using runs = new Script("opens-memory.ts", ["60", "60"], { way: nested });
  const pid = Number(/^pid (\d+)$/.exec(await runs.line(0))?.[1]);
  expect([await runs.line(1), await runs.line(2)]).toEqual([
    "given",
    expect.stringContaining("are missing"),
  ]);
  process.kill(pid, "SIGKILL");
  expect(await runs.line(3)).toBe("given");
});

test("nothing with a name is left in /dev/shm, and a fork is given nothing: it maps the template's", async () => {
  await using _own = await openGuestMemory({ forkedMemory: null, memoryMiB: 1 });
  const names = await readdir("/dev/shm").catch(() => []);
  expect(names.filter((name) => name.includes(`bootgate-${process.pid}-`))).toEqual([]);
  await using fork = await openGuestMemory({ forkedMemory: "/template/ram.img", memoryMiB: 1 });
  expect(fork).toMatchObject({ isGiven: false, descriptors: [], lack: null });
});
