// The reference OS's disk for sectors of 4096 bytes, as the harness's own reader sees it.
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { isSoundHeader, readPartitionTable } from "../../images/inspect/partition-table.ts";
import { makeLargeEsp, useLargeSectors } from "../../images/reference/large-sectors.ts";
import { gptDisk, MiB, types } from "../contract/support/disks.ts";

const { signal } = new AbortController();

test("a table for small sectors becomes one for large ones, and its partitions stay where they are", async () => {
  await using folder = await createWorkspace("large");
  const path = join(folder.path, "disk.raw");
  const small = gptDisk({ bytes: 8 * MiB, types: [types.esp, types.rootX8664] });
  await writeFile(path, small);
  await useLargeSectors(path);
  const large = await readFile(path);
  const before = readPartitionTable(small);
  const after = readPartitionTable(large);
  if (before.kind !== "gpt" || after.kind !== "gpt") throw new Error("It has no GPT.");
  expect(after.partitions).toEqual(before.partitions);
  expect(after).toMatchObject({ sectorBytes: 4096, isSound: true });
  expect(isSoundHeader(large.subarray(after.backupBytes, after.backupBytes + 4096))).toBe(true);
  expect(
    large.subarray(512, 4096).every((byte) => byte === 0 || byte === 0x55 || byte === 0xaa),
  ).toBe(true);
  expect(large.subarray(MiB, 7 * MiB).equals(small.subarray(MiB, 7 * MiB))).toBe(true);
  expect(await inspectDisk(path)).toMatchObject({ format: "raw", sectorBytes: 4096 });
});

test("its ESP is a FAT of sectors of 4096 bytes that holds all files of the small one", async () => {
  await using folder = await createWorkspace("large-esp");
  const image = join(folder.path, "esp.img");
  const from = join(folder.path, "small.img");
  const files = { "EFI/BOOT/BOOTX64.EFI": "MZ a loader", "EFI/debian/grub.cfg": "search\n" };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder.path, "tree", dirname(path)), { recursive: true });
    await writeFile(join(folder.path, "tree", path), text);
  }
  await writeFile(from, "");
  await truncate(from, 4 * MiB);
  for (const args of [
    ["mkfs.vfat", from],
    ["mcopy", "-s", "-i", from, join(folder.path, "tree", "EFI"), "::"],
  ] as const)
    await runCommand(args[0], args.slice(1), { signal });
  await makeLargeEsp(
    { image, bytes: 64 * MiB, from, scratch: join(folder.path, "scratch") },
    signal,
  );
  const bytes = await readFile(image);
  expect(bytes.length).toBe(64 * MiB);
  expect(bytes.readUInt16LE(11), "bytes per sector (BPB_BytsPerSec)").toBe(4096);
  for (const [path, text] of Object.entries(files)) {
    const shown = await attemptCommand("mtype", ["-i", image, `::${path}`], {});
    expect(shown).toMatchObject({ exitCode: 0, stdout: text.trim() });
  }
});
