/** Power cuts on this host: a record that QEMU itself has written, disks made of it, and a real ext4 file system read offline. */
import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { CutDisk } from "../../harness/cuts/cut-disk.ts";
import { blocksOfExtents, damageIn } from "../../harness/cuts/disk-files.ts";
import { describeState, isOddState, stateKey } from "../../harness/cuts/disk-state.ts";
import { openCuts } from "../../harness/cuts/open-cuts.ts";
import { Replayer } from "../../harness/cuts/replay.ts";
import { readWriteLog } from "../../harness/cuts/write-log.ts";
import { simulatedImage } from "../rehearsal/rehearse.ts";

const { signal } = new AbortController();
const mebibyte = 1024 * 1024;
const diskBytes = 8 * mebibyte;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-cuts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes to a new overlay through the same filter as a machine's disk, and returns the paths. */
async function record(...commands: readonly string[]) {
  const own = await mkdtemp(join(folder, "record-"));
  const [before, overlay, log] = ["before.raw", "overlay.qcow2", "writes"].map((name) =>
    join(own, name),
  ) as [string, string, string];
  await writeFile(before, "");
  await truncate(before, diskBytes);
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", "-b", before, "-F", "raw", overlay]);
  await writeFile(log, "");
  const node = [
    "driver=blklogwrites,discard=unmap,log-append=on",
    "file.driver=qcow2,file.cache.no-flush=on,file.discard=unmap",
    `file.file.driver=file,file.file.filename=${overlay}`,
    `log.driver=file,log.cache.no-flush=on,log.filename=${log}`,
  ].join(",");
  const write = async (...these: readonly string[]): Promise<void> => {
    await runCommand("qemu-io", ["--image-opts", node, ...these.flatMap((one) => ["-c", one])]);
  };
  await write(...commands);
  return { before, overlay, log, write };
}

describe("a record of QEMU's", () => {
  test("is read, and replayed to its end makes the disk that QEMU has", async () => {
    const { before, overlay, log, write } = await record(
      "write -P 0x41 0 128k",
      "flush",
      "write -P 0x42 1M 1024",
      "write -z 2M 64k",
      // As much as QEMU's overlays let go of at once.
      "discard 0 64k",
      "write -f -P 0x43 5M 512",
    );
    // The machine is switched on again: QEMU goes on in the same record.
    await write("write -P 0x44 7M 512", "flush");
    const whole = join(folder, "whole.raw");
    await runCommand("qemu-img", ["convert", "-O", "raw", overlay, whole]);
    const entries = await readWriteLog(log, diskBytes);
    expect(entries.uncountedBytes).toBe(0);
    expect(entries.entries.filter(({ isFlush }) => isFlush).length).toBeGreaterThanOrEqual(3);
    expect(entries.entries.filter(({ isDiscard }) => isDiscard)).toHaveLength(1);
    await using replayer = await Replayer.open({ disk: before, record: log }, entries);
    const last = { number: 1, seed: "1", entries: entries.entries.length };
    await replayer.moveTo({ ...last, survival: "order" });
    expect((await readFile(before)).equals(await readFile(whole))).toBe(true);
  });

  test("gives what was flushed, and what was not in any part; what a point adds is taken back", async () => {
    const { before, log } = await record(
      "write -P 0x41 0 4096",
      "flush",
      "write -P 0x42 4096 4096",
      "write -P 0x43 8192 4096",
      "flush",
    );
    const entries = await readWriteLog(log, diskBytes);
    await using replayer = await Replayer.open({ disk: before, record: log }, entries);
    const firsts = async () => [0, 4096, 8192].map(async (at) => (await replayer.read(at, 1))[0]);
    const seen = async () => Promise.all(await firsts());
    const at = { number: 1, seed: "1", entries: 4 } as const;
    await replayer.moveTo({ ...at, survival: "order" });
    expect(await seen()).toEqual([0x41, 0x42, 0x43]);
    await replayer.moveTo({ ...at, survival: "flush" });
    expect(await seen()).toEqual([0x41, 0, 0]);
    await replayer.write(0, Buffer.alloc(512, 0x50));
    await replayer.takeBack();
    expect(await seen()).toEqual([0x41, 0, 0]);
    await expect(replayer.moveTo({ ...at, entries: 1, survival: "order" })).rejects.toThrow(
      /brought forward to a later power cut/,
    );
  });
});

const entry = (kernel: string): string =>
  `title Test\nversion 1\noptions root=LABEL=root ostree=/ostree/boot.1/os/abc/0\nlinux ${kernel}\ninitrd /initrd\n`;

/** A raw disk with one partition, an ext4 that has an entry, its kernel and a deployment. */
async function makeDisk(): Promise<{ path: string; startBytes: number }> {
  const own = await mkdtemp(join(folder, "disk-"));
  const path = join(own, "disk.raw");
  const root = join(own, "root");
  const deployment = `${root}/ostree/deploy/os/deploy/${"a".repeat(64)}.0`;
  await runCommand("mkdir", ["-p", `${root}/boot/loader/entries`, deployment]);
  await runCommand("mkdir", ["-p", `${root}/ostree/boot.1/os/abc`]);
  await runCommand("ln", [
    "-s",
    `../../../deploy/os/deploy/${"a".repeat(64)}.0`,
    `${root}/ostree/boot.1/os/abc/0`,
  ]);
  await writeFile(`${root}/boot/loader/entries/ostree-1.conf`, entry("/vmlinuz"));
  for (const name of ["vmlinuz", "initrd"]) await writeFile(`${root}/${name}`, name);
  await writeFile(`${deployment}.origin`, "[origin]\n");
  const part = join(own, "part");
  await runCommand("mkfs.ext4", ["-q", "-L", "root", "-d", root, part, "32M"]);
  await writeFile(path, "");
  await truncate(path, 36 * mebibyte);
  await runCommand("sgdisk", ["--new=1:2048:67583", "--typecode=1:8304", path]);
  await runCommand("dd", [`if=${part}`, `of=${path}`, "bs=1M", "seek=1", "conv=notrunc"]);
  return { path, startBytes: mebibyte };
}

async function stateOf(path: string) {
  const scratch = await mkdtemp(join(folder, "scratch of one disk-"));
  const log = { sectorBytes: 512, entries: [], uncountedBytes: 0 };
  await using replayer = await Replayer.open({ disk: path, record: path }, log);
  const disk = await CutDisk.open({ path, replayer, scratch, signal });
  const state = await disk.state();
  await replayer.takeBack();
  return { state, unread: disk.unread };
}

describe("an ext4 disk is read offline", () => {
  const debugfs = ({ path, startBytes }: { path: string; startBytes: number }, input: string) =>
    runCommand("debugfs", ["-w", `${path}?offset=${startBytes}`], { input });

  test("its entry, the kernel that it names and the deployment behind it", async () => {
    const { path } = await makeDisk();
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
    const disk = await makeDisk();
    await debugfs(disk, `${command}\n`);
    const { state } = await stateOf(disk.path);
    expect(describeState(state)).toMatch(words);
    expect(isOddState(state)).toBe(true);
  });

  test("what only the journal has is there for the kernel and not for the boot loader, and the disk stays as it was", async () => {
    const disk = await makeDisk();
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
    const disk = await makeDisk();
    const { stdout } = await runCommand("dumpe2fs", [`${disk.path}?offset=${disk.startBytes}`]);
    const [, block] = /Inode bitmap at (\d+)/.exec(stdout) ?? [];
    const file = await open(disk.path, "r+");
    await file.write(Buffer.from([0]), 0, 1, disk.startBytes + Number(block) * 1024);
    await file.close();
    const { state } = await stateOf(disk.path);
    expect(describeState(state)).toMatch(/^ostree-1\.conf \(Test\); e2fsck: /);
  });
});

test("cuts are put together by what they leave, and a disk of one is made again by its number", async () => {
  const { before, log } = await record(
    "write -P 0x41 0 4096",
    "flush",
    "write -P 0x42 4096 4096",
    "flush",
  );
  const image = simulatedImage("v1", "1");
  const facts = {
    path: log,
    before: { path: before, format: "raw" as const },
    position: async () => 0,
  };
  const asked = { image, since: 0, signal };
  await using cuts = await openCuts(facts, asked, { count: 20, seed: "a" });
  const states = await cuts.states();
  // A disk without file systems is one state, whatever lies on it.
  expect(states).toHaveLength(1);
  const [state] = states;
  if (state === undefined) expect.unreachable();
  expect(state.points).toHaveLength(20);
  const made = await cuts.disk(state);
  expect(made.cutAt).toBe(state.points[0].number);
  const bytes = await readFile(made.disk?.path ?? "");
  const again = await cuts.disk(state);
  expect((await readFile(again.disk?.path ?? "")).equals(bytes)).toBe(true);
  expect((await stat(await cuts.keep(folder))).size).toBe((await stat(log)).size);
});
