// The reference OS's disk for sectors of 4096 bytes, as the harness's own reader sees it.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { isSoundHeader, readPartitionTable } from "../../images/inspect/partition-table.ts";
import { makeLargeEsp, useLargeSectors } from "../../images/reference/large-sectors.ts";
import { gptDisk, MiB, types } from "./support/disks.ts";

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

test("its ESP is a FAT of sectors of 4096 bytes that holds the loader", async () => {
  await using folder = await createWorkspace("large-esp");
  const image = join(folder.path, "esp.img");
  const loader = join(folder.path, "loader");
  await writeFile(loader, "MZ a loader");
  await makeLargeEsp(image, 64 * MiB, loader, signal);
  const bytes = await readFile(image);
  expect(bytes.length).toBe(64 * MiB);
  expect(bytes.readUInt16LE(11), "bytes per sector (BPB_BytsPerSec)").toBe(4096);
  const shown = await attemptCommand("mtype", ["-i", image, "::EFI/BOOT/BOOTX64.EFI"], {});
  expect(shown).toMatchObject({ exitCode: 0, stdout: "MZ a loader" });
});
