/** Loop devices that builds on the host leave, against a fake of losetup: only what bootgate has noted is let go of. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { putMark } from "../../harness/base/marks.ts";
import { makeLoopDisk } from "../../harness/states/build/loop-disk.ts";
import { type FakeHost, fakeHost } from "./support/host-commands.ts";

let folder = "";
let host: FakeHost;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-loops-"));
  host = await fakeHost(folder);
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  vi.stubEnv("PATH", `${host.path}:${process.env.PATH}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const cacheDir = () => join(folder, "cache", "bootgate");
const notes = () => join(cacheDir(), "loop-disks");
const name = (letter: string): string => `bootgate-${letter.repeat(32)}.raw`;
const showLoops = (...lines: string[]) => writeFile(join(folder, "loops"), `${lines.join("\n")}\n`);
const released = async (): Promise<string[]> =>
  (await host.calls()).filter((call) => call.startsWith("losetup --detach"));

test("what a killed build left is let go of, and nothing else is, whatever its file is called", async () => {
  await mkdir(notes(), { recursive: true });
  // A process that is dead, and this one.
  await writeFile(join(notes(), `999999-1-0.${name("a")}`), "");
  await using _mine = await putMark(notes(), name("b"), cacheDir());
  await showLoops(
    `/dev/loop70 /cache/x/scratch/${name("a")}\\x20(deleted)`,
    `/dev/loop71 /cache/y/scratch/${name("b")}`,
    `/dev/loop72 /cache/y/scratch/${name("c")}\\x20(deleted)`,
    "/dev/loop73 /data/scratch/disk.raw\\x20(deleted)",
    "/dev/loop74 /data/scratch/disk.raw",
    `/dev/loop75 /data/${name("a")}/disk.raw`,
    "/dev/loop76",
  );
  const disk = await makeLoopDisk(folder, 4096);
  expect(await released()).toEqual(["losetup --detach /dev/loop70"]);
  expect((await stat(disk.path)).size).toBe(4096);
  expect(await readdir(notes()), "this process's own notes stay").toHaveLength(2);
  await showLoops();
  await disk[Symbol.asyncDispose]();
  expect(await readdir(notes())).toEqual([expect.stringContaining(name("b"))]);
});

test("a device that is left on a disk which is done with is let go of at once", async () => {
  const disk = await makeLoopDisk(folder, 4096);
  await showLoops(`/dev/loop70 ${disk.path}`, "/dev/loop71 /data/scratch/disk.raw");
  await disk[Symbol.asyncDispose]();
  expect(await released()).toEqual(["losetup --detach /dev/loop70"]);
  expect(await readdir(notes())).toEqual([]);
});

test("where losetup does not work the note stays, and nothing is blamed for it", async () => {
  await writeFile(join(host.path, "losetup"), "#!/bin/sh\nexit 1\n");
  const disk = await makeLoopDisk(folder, 4096);
  await disk[Symbol.asyncDispose]();
  expect(await readdir(notes())).toEqual([expect.stringContaining(basename(disk.path))]);
});
