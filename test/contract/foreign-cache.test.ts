/** A cache in which root has worked once, with the home of another user: told in a sentence, before anything is opened in it. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Script } from "./support/namespaces.ts";

const isRoot = process.getuid?.() === 0;
let folder = "";
let cache = "";
beforeEach(async () => {
  // A temporary folder of root's own is closed to the other user.
  folder = await mkdtemp("/tmp/bootgate-foreign-");
  vi.stubEnv("XDG_CACHE_HOME", folder);
  vi.stubEnv("XDG_RUNTIME_DIR", "");
  cache = join(folder, "bootgate");
  await mkdir(join(cache, "owners"), { recursive: true });
  await writeFile(join(cache, "owners", "1-1"), "");
  for (const path of [folder, cache, join(cache, "owners"), join(cache, "owners", "1-1")])
    if (isRoot) await chown(path, 65_534, 65_534);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await chmod(cache, 0o700);
  await chmod(join(cache, "owners"), 0o700);
  await rm(folder, { recursive: true, force: true });
});

/** Root's, for others than root; without root's rights, what its owner may not open. */
async function close(path: string, mode: number): Promise<void> {
  await (isRoot ? chown(path, 0, 0) : chmod(path, mode));
  if (isRoot) await chmod(path, mode);
}
async function opened(): Promise<unknown> {
  await using script = new Script("foreign-cache.ts", []);
  return JSON.parse(await script.line(0));
}

test("a cache that cannot be written to", async () => {
  await close(cache, isRoot ? 0o755 : 0o555);
  expect(await opened()).toMatchObject({
    opened: expect.stringMatching(/^HostUnfit: The folder '.*bootgate' cannot be written to by/),
  });
});

test("a folder of owners that cannot be read", async () => {
  await close(join(cache, "owners"), isRoot ? 0o700 : 0);
  expect(await opened()).toMatchObject({
    opened: expect.stringMatching(/^HostUnfit: The folder '.*owners' cannot be written to by/),
    removed: [],
  });
});

test("an owner's file that cannot be opened is of a process that may live", async () => {
  await close(join(cache, "owners", "1-1"), isRoot ? 0o600 : 0);
  expect(await opened()).toEqual({ removed: [], alive: true });
});

test("a cache of this user's own is opened, and what a dead process left there goes", async () => {
  expect(await opened()).toEqual({ removed: [], alive: false });
});
