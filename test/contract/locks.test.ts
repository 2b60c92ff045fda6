/** Locks and workspaces between processes, also those that cannot see each other's pids. */

import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, symlink } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { exists } from "../../harness/base/exists.ts";
import { takeLock } from "../../harness/base/lock.ts";
import { requireCache, requirePrivateFolder } from "../../harness/base/places.ts";
import {
  createWorkspace,
  ensureWorkspaceRoot,
  removeDeadWorkspaces,
  workspaceRoot,
} from "../../harness/base/workspace.ts";
import { namespaceWay, Script } from "./support/namespaces.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-locks-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  vi.stubEnv("XDG_RUNTIME_DIR", "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();

describe("a lock", () => {
  test("is one process's although each counts pids for itself, and the other's when that one is killed", async ({
    skip,
  }) => {
    const path = join(folder, "lock");
    const way = namespaceWay(skip);
    await using first = new Script("takes-a-lock.ts", [path], { way });
    await using second = new Script("takes-a-lock.ts", [path], { way });
    const said = await Promise.all([first.line(0), second.line(0)]);
    expect(said.sort()).toEqual(["holds", "waits"]);
    const [holder, waiter] = first.lines[0] === "holds" ? [first, second] : [second, first];
    expect(waiter.lines).toEqual(["waits"]);
    await holder.kill();
    expect(await waiter.line(1)).toBe("holds");
  });

  test("is given to one after the other in one process, and its file is removed", async () => {
    const path = join(folder, "lock");
    let inside = 0;
    let most = 0;
    const visit = async (): Promise<void> => {
      await using _lock = await takeLock(path, { signal });
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, visit));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  test("that is waited for is not taken any more by one who was told to stop", async () => {
    const path = join(folder, "lock");
    const stop = new AbortController();
    const first = await takeLock(path, { signal });
    const onWait = (holder: string): void => stop.abort(new Error(holder));
    const second = takeLock(path, { signal: stop.signal, onWait });
    await expect(second).rejects.toThrow(`process ${process.pid}`);
    await first[Symbol.asyncDispose]();
    await using _third = await takeLock(path, { signal });
  });
});

test("a host without flock is told so, and not which file", async () => {
  vi.stubEnv("PATH", folder);
  const wait = takeLock(join(folder, "lock"), { signal });
  await expect(wait).rejects.toThrow(
    /^The host does not have the command '(?:flock|setpriv)' \(package util-linux\)/,
  );
});

describe("a workspace", () => {
  test("is left alone by a process that has another cache and shares the folder for sockets", async () => {
    const env = { XDG_CACHE_HOME: join(folder, "other") };
    await using other = new Script("holds-a-workspace.ts", [], { env });
    const folders = JSON.parse(await other.line(0)) as string[];
    await removeDeadWorkspaces();
    expect(await Promise.all(folders.map(exists))).toEqual([true, true]);
  });

  test("of a live process in another PID namespace is left alone, and one of a dead one is removed", async ({
    skip,
  }) => {
    await mkdir(join(folder, "tmp"));
    vi.stubEnv("TMPDIR", join(folder, "tmp"));
    await using live = new Script("holds-a-workspace.ts", [], { way: namespaceWay(skip) });
    const folders = JSON.parse(await live.line(0)) as string[];
    expect(await removeDeadWorkspaces()).toEqual([]);
    expect(await Promise.all(folders.map(exists))).toEqual([true, true]);
    await live.kill();
    expect((await removeDeadWorkspaces()).sort()).toEqual([...folders].sort());
    expect(await readdir(join(folder, "cache", "bootgate", "owners"))).toHaveLength(0);
  });

  test("has its data in the cache and its sockets in the temporary folder", async () => {
    vi.stubEnv("TMPDIR", join(folder, "memory"));
    await mkdir(join(folder, "memory"));
    await using workspace = await createWorkspace("test");
    expect(workspace.path.startsWith(join(folder, "cache", "bootgate", "work"))).toBe(true);
    expect(workspace.sockets.startsWith(join(folder, "memory"))).toBe(true);
  });

  test("has its sockets in the runtime directory where there is one, and never below a path that is too long", async () => {
    const runtime = join(folder, "run");
    await mkdir(runtime);
    vi.stubEnv("XDG_RUNTIME_DIR", runtime);
    await using short = await createWorkspace("test");
    expect(short.sockets.startsWith(runtime)).toBe(true);
    const long = join(folder, "x".repeat(100));
    await mkdir(long);
    vi.stubEnv("XDG_RUNTIME_DIR", long);
    await using other = await createWorkspace("a long purpose");
    expect(Buffer.byteLength(join(other.sockets, "qmp"))).toBeLessThanOrEqual(107);
  });

  test.each([
    ["that others may write to", /can be written to by others \(mode 777\)/, 0o777],
    ["that its group may write to", /can be written to by others \(mode 770\)/, 0o770],
  ])("is not made in a folder %s", async (_, words, mode) => {
    await ensureWorkspaceRoot();
    await chmod(workspaceRoot(), mode);
    await expect(createWorkspace("test")).rejects.toThrow(words);
  });

  test("is in a cache that others cannot write to: a group's right is taken away, anybody's is refused", async () => {
    const cache = join(folder, "cache", "bootgate");
    const templates = join(cache, "templates");
    const template = join(templates, "a".repeat(64));
    await mkdir(template, { recursive: true });
    for (const path of [cache, templates, template]) await chmod(path, 0o775);
    await requireCache(cache);
    for (const path of [cache, templates, template])
      expect((await stat(path)).mode & 0o777).toBe(0o755);
    await chmod(templates, 0o777);
    await expect(requireCache(cache)).rejects.toThrow(/templates' can be written to by others/);
    await chmod(templates, 0o755);
    await chmod(cache, 0o777);
    await expect(requireCache(cache)).rejects.toThrow(/bootgate' can be written to by others/);
  });

  test("is not made in a folder of somebody else, nor behind a link", async () => {
    await mkdir(join(folder, "cache", "bootgate"), { recursive: true });
    await symlink(folder, workspaceRoot());
    await expect(createWorkspace("test")).rejects.toThrow("is not a folder");
    await rm(workspaceRoot());
    // Only root can give a folder away; for anybody else root's own one is somebody else's.
    if (userInfo().uid !== 0) {
      await expect(requirePrivateFolder("/usr")).rejects.toThrow(/belongs to user 0, not to user/);
      return;
    }
    await mkdir(workspaceRoot());
    await chown(workspaceRoot(), 65_534, 65_534);
    await expect(createWorkspace("test")).rejects.toThrow(/belongs to user 65534, not to user 0/);
  });
});
