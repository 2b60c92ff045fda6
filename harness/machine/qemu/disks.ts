/**
 * The disks of a machine. What the user gave is a backing file that is never opened for writing; the guest writes to a
 * throw-away qcow2 overlay. A file that is missing, cut short or no image at all is found here, before anything boots.
 */
import { open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { UsageError } from "../../base/errors.ts";
import { fileStamp, isKnownWhole, noteWhole } from "../../base/file-stamp.ts";
import { attemptCommand, runCommand } from "../../base/process.ts";
import { formatBytes } from "../../base/units.ts";
import type { Disk } from "../machine.ts";
import type { AttachedDisk } from "./qemu-argv.ts";

const info = z.object({
  format: z.string(),
  "virtual-size": z.number(),
  "backing-filename": z.string().optional(),
  "full-backing-filename": z.string().optional(),
});

/** What `qemu-img check --output=json` says (qemu-img(1)); the counts are left out when they are zero. */
const checked = z.object({
  corruptions: z.number().default(0),
  "check-errors": z.number().default(0),
  "image-end-offset": z.number().default(0),
});

const imageFault = (path: string, fact: string, said?: string): UsageError =>
  new UsageError(`The disk '${path}' ${fact}.`, {
    details: { said: said === undefined || said === "" ? undefined : said.slice(0, 500) },
  });

/**
 * Checks that a file can serve as backing file, once per content in this process: a file that was read through before
 * is only looked at for being there and being the same. Throws UsageError that names the file and what is wrong with it.
 */
export async function checkBackingFile(
  { backingFile: path, backingFormat: format, stamp }: Extract<Disk, { kind: "overlay" }>,
  signal: AbortSignal,
): Promise<void> {
  const facts = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw imageFault(
      path,
      cause.code === "ENOENT" ? "does not exist" : "cannot be read",
      cause.message,
    );
  });
  if (!facts.isFile()) throw imageFault(path, "is not a file");
  if (facts.size === 0) throw imageFault(path, "is empty");
  const found = await fileStamp(path);
  if (stamp !== undefined && stamp !== found)
    throw imageFault(path, "has changed since its digest was taken: wait until it is written");
  if (isKnownWhole(found)) return;
  if (format === "raw") await checkRaw(path, facts.size);
  else await checkQcow2(path, facts.size, signal);
  noteWhole(found);
}

async function checkRaw(path: string, size: number): Promise<void> {
  const file = await open(path, "r");
  try {
    const sector = Buffer.alloc(512);
    const { bytesRead } = await file.read(sector, 0, 512, 0);
    // Both an MBR and the protective MBR of a GPT end in 55 AA (UEFI specification 5.2).
    if (bytesRead < 512 || sector.readUInt16BE(510) !== 0x55aa)
      throw imageFault(path, `(raw, ${formatBytes(size)}) has no partition table`);
  } finally {
    await file.close();
  }
}

async function checkQcow2(path: string, size: number, signal: AbortSignal): Promise<void> {
  const limits = { signal, timeoutMs: 120_000 };
  const seen = await attemptCommand(
    "qemu-img",
    ["info", "--force-share", "--output=json", "-f", "qcow2", path],
    limits,
  );
  if (seen.exitCode !== 0)
    throw imageFault(path, "is not a qcow2 image that can be read", seen.stderr);
  info.parse(JSON.parse(seen.stdout));
  // `info` reads the header alone: a download that was cut short passes it. Exit codes of `check` are in qemu-img(1).
  const check = await attemptCommand(
    "qemu-img",
    ["check", "--force-share", "--output=json", "-f", "qcow2", path],
    limits,
  );
  const result = checked.safeParse(parseJson(check.stdout));
  const broken = check.exitCode === 1 || check.exitCode === 2 || !result.success;
  if (broken) throw imageFault(path, "is a damaged qcow2 image", check.stderr || check.stdout);
  const { "image-end-offset": end } = result.data;
  if (size + 65_536 < end)
    throw imageFault(path, `is cut short: ${formatBytes(size)} of at least ${formatBytes(end)}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Makes an overlay at `path` on a backing file. */
export async function createOverlay(
  path: string,
  backing: { readonly path: string; readonly format: "qcow2" | "raw" },
  signal: AbortSignal,
): Promise<void> {
  const base = ["-b", resolve(backing.path), "-F", backing.format];
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", ...base, path], { signal });
}

/** Checks and makes all disks of a machine in `folder`. Backing files are checked first, so that nothing is half made. */
export async function prepareDisks(
  disks: readonly Disk[],
  folder: string,
  signal: AbortSignal,
): Promise<AttachedDisk[]> {
  for (const disk of disks) {
    if (disk.kind === "overlay") await checkBackingFile(disk, signal);
    if (disk.kind === "iso" || disk.kind === "working")
      await stat(disk.path).catch(() => {
        throw imageFault(disk.path, "does not exist");
      });
  }
  const made: AttachedDisk[] = [];
  for (const [index, disk] of disks.entries())
    made.push(await prepare(disk, join(folder, diskName(index)), signal));
  return made;
}

/** File name of a machine's disk: the same in a workspace and in a template. */
export const diskName = (index: number): string => `disk${index}.qcow2`;

async function prepare(disk: Disk, path: string, signal: AbortSignal): Promise<AttachedDisk> {
  switch (disk.kind) {
    case "iso":
      return { kind: "cdrom", path: resolve(disk.path), format: "raw" };
    case "blank":
      await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", path, `${disk.sizeMiB}M`], {
        signal,
      });
      return { kind: "disk", path, format: "qcow2" };
    case "working": {
      const { format, readOnly, sectorBytes } = disk;
      return { kind: "disk", path: resolve(disk.path), format, readOnly, sectorBytes };
    }
    case "overlay":
      await createOverlay(path, { path: disk.backingFile, format: disk.backingFormat }, signal);
      return { kind: "disk", path, format: "qcow2", sectorBytes: disk.sectorBytes };
  }
}
