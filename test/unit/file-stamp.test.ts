// A file's stamp stands for its content wherever a disk is not read again: its digest, its check, a template's backing files.
import { copyFile, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import { digestOfFile } from "../../images/inspect/file-digest.ts";

test("another content of the same size and the same clamped time is another file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bootgate-stamp-"));
  try {
    const { signal } = new AbortController();
    const disk = join(folder, "disk.raw");
    // As `cp -p` of two builds whose times are clamped to SOURCE_DATE_EPOCH.
    const put = async (fill: number): Promise<string> => {
      const build = join(folder, `build${fill}.raw`);
      await writeFile(build, Buffer.alloc(4096, fill));
      await copyFile(build, disk);
      await utimes(disk, 1_700_000_000, 1_700_000_000);
      return fileStamp(disk);
    };
    const first = await put(1);
    expect(await fileStamp(disk)).toBe(first);
    const digest = await digestOfFile(disk, folder, signal);
    expect(await put(2)).not.toBe(first);
    const other = await digestOfFile(disk, folder, signal);
    expect(other).not.toBe(digest);
    expect(other).toBe(await hashFile(disk, signal));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
