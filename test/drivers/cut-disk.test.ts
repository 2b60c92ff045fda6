/** A disk that a power cut left, read offline: a real ext4 file system, by the programs of this host. */
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { CutDisk } from "../../harness/cuts/cut-disk.ts";
import { blocksOfExtents, damageIn } from "../../harness/cuts/disk-files.ts";
import { describeState, isOddState, stateKey } from "../../harness/cuts/disk-state.ts";
import { Replayer } from "../../harness/cuts/replay.ts";
import { entry, filesOf, makeDisk, mebibyte } from "./support/cut-disks.ts";

const { signal } = new AbortController();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-cut-disk-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Puts a shell script in the place of a program, for what this process starts. */
async function standIn(name: string, script: string): Promise<Disposable> {
  const own = await mkdtemp(join(folder, "programs-"));
  await writeFile(join(own, name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  const before = process.env["PATH"];
  process.env["PATH"] = `${own}:${before}`;
  return {
    [Symbol.dispose]() {
      process.env["PATH"] = before;
    },
  };
}

/** The files that debugfs is told to copy while something is done. */
async function dumpsDuring<T>(work: () => Promise<T>): Promise<{ of: T; dumped: string[] }> {
  const told = join(await mkdtemp(join(folder, "told-")), "requests");
  await writeFile(told, "");
  const real = (await runCommand("which", ["debugfs"])).stdout.trim();
  using _ = await standIn("debugfs", `printf '%s\\n' "$*" >>'${told}'\nexec '${real}' "$@"`);
  const of = await work();
  const requests = (await readFile(told, "utf8")).matchAll(/ dump "([^"]+)"/g);
  return { of, dumped: [...requests].map(([, path = ""]) => path) };
}

const emptyLog = { sectorBytes: 512, entries: [], uncountedBytes: 0 };

async function stateOf(path: string) {
  const scratch = await mkdtemp(join(folder, "scratch of one disk-"));
  await using replayer = await Replayer.open(filesOf(path, path), emptyLog);
  const disk = await CutDisk.open({ path, replayer, scratch, signal });
  const state = await disk.state();
  await replayer.takeBack();
  return { state, unread: disk.unread };
}

describe("an ext4 disk is read offline", () => {
  const debugfs = ({ path, startBytes }: { path: string; startBytes: number }, input: string) =>
    runCommand("debugfs", ["-w", `${path}?offset=${startBytes}`], { input });

  test("its entry, the kernel that it names and the deployment behind it", async () => {
    const { path } = await makeDisk(folder);
    const { state, unread } = await stateOf(path);
    expect(unread).toEqual([]);
    expect(state.damage).toEqual([]);
    expect(isOddState(state)).toBe(false);
    expect(state.deployments).toMatchObject([
      { leadsTo: `/ostree/deploy/os/deploy/${"a".repeat(64)}.0`, origin: "[origin]" },
    ]);
    expect(describeState(state)).toBe("ostree-1.conf (Test)");
    expect(stateKey(state)).toBe(stateKey((await stateOf(path)).state));
  });

  test.each([
    ["rm /vmlinuz", /without its kernel/],
    ["rm /initrd", /without its initramfs/],
    ["rm /ostree/boot.1/os/abc/0", /without its deployment/],
    ["rm /boot/loader/entries/ostree-1.conf", /^no boot loader entry/],
    ["clri <2>", /e2fsck: /],
  ])("what is missing after '%s' is told", async (command, words) => {
    const disk = await makeDisk(folder);
    await debugfs(disk, `${command}\n`);
    const { state } = await stateOf(disk.path);
    expect(describeState(state)).toMatch(words);
    expect(isOddState(state)).toBe(true);
  });

  test("what only the journal has is there for the kernel and not for the boot loader, and the disk stays as it was", async () => {
    const disk = await makeDisk(folder);
    const { stdout } = await runCommand("debugfs", [
      ...["-R", "blocks /boot/loader/entries/ostree-1.conf"],
      `${disk.path}?offset=${disk.startBytes}`,
    ]);
    const block = join(folder, "block");
    const later = Buffer.alloc(1024, "\n");
    later.write(entry("/vmlinuz-gone"));
    await writeFile(block, later);
    await debugfs(disk, `jo\njw -b ${stdout.trim()} ${block}\njc\n`);
    const bytes = await readFile(disk.path);
    const { state } = await stateOf(disk.path);
    expect(state.loader?.entries[0]?.kernel).not.toBeNull();
    expect(state.entriesAfter?.[0]?.kernel).toBeNull();
    expect(describeState(state)).toMatch(
      /other entries once the journal is replayed: .*without its kernel/,
    );
    expect((await readFile(disk.path)).equals(bytes)).toBe(true);
  });

  test("kernel and initramfs are read once for all points in which nothing is written to them", async () => {
    const disk = await makeDisk(folder);
    const { stdout } = await runCommand("debugfs", [
      ...["-R", "blocks /boot/loader/entries/ostree-1.conf"],
      `${disk.path}?offset=${disk.startBytes}`,
    ]);
    const block = join(folder, "other-title");
    const later = Buffer.alloc(1024, "\n");
    later.write(entry("/vmlinuz").replace("Test", "Later"));
    await writeFile(block, later);
    await debugfs(disk, `jo\njw -b ${stdout.trim()} ${block}\njc\n`);
    const scratch = await mkdtemp(join(folder, "scratch-"));
    await using replayer = await Replayer.open(filesOf(disk.path, disk.path), emptyLog);
    const cut = await CutDisk.open({ path: disk.path, replayer, scratch, signal });
    const first = await dumpsDuring(() => cut.state());
    expect(first.of.entriesAfter?.[0]?.title).toBe("Later");
    expect(first.dumped).toEqual(["/vmlinuz", "/initrd"]);
    await replayer.takeBack();
    expect((await dumpsDuring(() => cut.state())).dumped).toEqual([]);
    await replayer.takeBack();
    // The same inode, the same blocks, other bytes.
    const place = Number(
      (
        await runCommand("debugfs", [
          "-R",
          "blocks /vmlinuz",
          `${disk.path}?offset=${disk.startBytes}`,
        ])
      ).stdout.trim(),
    );
    await replayer.write(disk.startBytes + place * 1024, Buffer.from("vmlinux"));
    const changed = await dumpsDuring(() => cut.state());
    expect(changed.dumped).toEqual(["/vmlinuz"]);
    expect(changed.of.loader?.entries[0]?.kernel).not.toBe(first.of.loader?.entries[0]?.kernel);
    await replayer.takeBack();
    expect(stateKey((await dumpsDuring(() => cut.state())).of)).toBe(stateKey(first.of));
  });

  test.each([
    "printf 'Inode 12 has illegal block(s).\\n'; exec yes 'Inode 13 is bad'",
    "kill -SEGV $$",
  ])("a check that does not come to its end is damage: %s", async (script) => {
    const { path } = await makeDisk(folder);
    using _ = await standIn("e2fsck", script);
    const { state } = await stateOf(path);
    expect(state.damage).toEqual([
      expect.stringMatching(/^e2fsck (?:had more to say than 4 MiB|crashed with SIGSEGV)$/),
    ]);
    expect(isOddState(state)).toBe(true);
  });

  test("a program that the host lacks, or that somebody ends, is not the disk's fault", async () => {
    const { path } = await makeDisk(folder);
    using _ = await standIn("e2fsck", "kill -KILL $$");
    await expect(stateOf(path)).rejects.toMatchObject({ name: "HostUnfit" });
  });

  test("a file that would be read without end is not there", async () => {
    const disk = await makeDisk(folder);
    await debugfs(
      disk,
      "sif /vmlinuz size 0x40000000000\nsif /boot/loader/entries/ostree-1.conf size 0x1000000\n",
    );
    const { state } = await stateOf(disk.path);
    expect(isOddState(state)).toBe(true);
  });

  test("of a disk without such a file system it is said that nothing can be read", async () => {
    const path = join(folder, "empty.raw");
    await writeFile(path, "");
    await truncate(path, 4 * mebibyte);
    const { state, unread } = await stateOf(path);
    expect(unread.join(" ")).toMatch(/boot loader entries.* deployments/);
    expect(isOddState(state)).toBe(false);
  });

  test("what could not be read is not held against it, and a boot without an entry is", () => {
    const whole = {
      ...{
        file: "1.conf",
        title: "",
        kernel: "1",
        initramfs: "2",
        root: "ostree=/x",
        content: "3",
      },
    };
    const rest = { entriesAfter: null, damage: [], esp: null };
    const withEntries = (entries: readonly (typeof whole)[]) => ({
      ...{ ...rest, loader: { entries, files: {} }, deployments: null },
    });
    expect(isOddState({ ...rest, loader: null, deployments: [] })).toBe(false);
    expect(isOddState(withEntries([whole]))).toBe(false);
    expect(isOddState(withEntries([]))).toBe(true);
    expect(isOddState({ ...withEntries([whole]), entriesAfter: [] })).toBe(true);
    expect(isOddState({ ...withEntries([whole]), deployments: [] })).toBe(true);
  });

  test("a large journal's blocks are those of its data, in their order", () => {
    const text = [
      "Level Entries         Logical        Physical Length Flags",
      " 1/ 1   1/  2      0 -  32767 262144 - 294911  32768 ",
      " 1/ 1   2/  2  32768 -  32769 295169 - 295170      2 ",
    ].join("\n");
    const blocks = blocksOfExtents(text);
    expect(blocks).toHaveLength(32_770);
    expect([blocks[0], blocks[32_767], blocks[32_768]]).toEqual([262_144, 294_911, 295_169]);
    expect(blocksOfExtents(text.replace("32768 -  32769", "32769 -  32770"))).toEqual([]);
    expect(blocksOfExtents("<8>: does not uses extent block maps")).toEqual([]);
  });

  test("counts that a superblock gets at unmount are left out, and a lost block is damage", () => {
    const well = "Pass 1: Checking inodes\nFree blocks count wrong (1, counted=2).\nFix? no\n";
    expect(damageIn(well)).toEqual([]);
    expect(damageIn(`${well}Inode 12 has illegal block(s).  Clear? no\n`)).toHaveLength(1);
    const lost = "Unattached inode 140734\nConnect to /lost+found? no\n";
    expect(damageIn(`${well}${lost}`)).toEqual(["Unattached inode 140734"]);
  });

  test("a file of orphans in use is none (e2fsck 1.47, after the journal)", () => {
    const inUse = [
      "Orphan file (inode 12) block 0 is not clean.",
      "Clear? no",
      "",
      "Failed to initialize orphan file.",
      "Recreate? no",
    ];
    expect(damageIn(inUse.join("\n"))).toEqual([]);
  });

  test("a bitmap whose checksum the journal has yet to bring keeps nothing from being read", async () => {
    const disk = await makeDisk(folder);
    const { stdout } = await runCommand("dumpe2fs", [`${disk.path}?offset=${disk.startBytes}`]);
    const [, block] = /Inode bitmap at (\d+)/.exec(stdout) ?? [];
    const file = await open(disk.path, "r+");
    await file.write(Buffer.from([0]), 0, 1, disk.startBytes + Number(block) * 1024);
    await file.close();
    const { state } = await stateOf(disk.path);
    expect(describeState(state)).toMatch(/^ostree-1\.conf \(Test\); e2fsck: /);
  });
});
