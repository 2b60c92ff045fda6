/**
 * Looks at a disk file before anything boots from it: is it a disk, is it whole, and is it safe to open. What is wrong
 * is the caller's to mend, so every refusal is a UsageError that says what the file is instead and what to do.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { formatBytes } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { openFailure, readSmallFile } from "../../harness/config/read-small-file.ts";
import type { DiskImage } from "../image.ts";
import { describeContent, headBytes, isIso } from "./disk-kind.ts";
import { readPartitionTable } from "./partition-table.ts";
import { isQcow2, type Qcow2Facts, readQcow2Header } from "./qcow2-header.ts";

export interface DiskFacts extends DiskImage {
  /** Size that the machine sees. */
  readonly virtualBytes: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
}

const again = "download or build the file again, and compare its checksum";

/** Throws UsageError for whatever is no whole, self-contained disk; HostUnfit when qemu-img is missing. */
export async function inspectDisk(path: string, signal?: AbortSignal): Promise<DiskFacts> {
  const absolute = resolve(path);
  const { head, fileBytes } = await readHead(absolute);
  const refuse = (reason: string, todo = again): never => {
    throw new UsageError(`The disk '${path}' ${reason}.`, { details: { "to do": todo } });
  };
  if (isQcow2(head)) {
    const header = readQcow2Header(head);
    if ("refusal" in header) {
      return refuse(
        header.refusal,
        "qemu-img convert -O qcow2, on a machine that trusts it, makes a whole disk",
      );
    }
    const reason = await faultOfQcow2(absolute, header, fileBytes, signal);
    if (reason !== null) refuse(reason);
    return { path: absolute, format: "qcow2", virtualBytes: header.virtualBytes, fileBytes };
  }
  if (isIso(head)) {
    refuse(
      "is an ISO image, made to install from, not an installed disk",
      "install from it and give the disk",
    );
  }
  const table = readPartitionTable(head);
  if (table.kind === "none") {
    refuse(
      `is no disk: it looks like ${describeContent(head)}`,
      "give a qcow2 or raw disk, or one as .xz .zst .gz",
    );
  }
  const reason = faultOfTable(table, fileBytes);
  if (reason !== null) refuse(reason);
  return { path: absolute, format: "raw", virtualBytes: fileBytes, fileBytes };
}

/** The first 64 KiB of a regular file that is not empty. Throws UsageError for anything else. */
export async function readHead(path: string): Promise<{ head: Buffer; fileBytes: number }> {
  // O_NONBLOCK: a named pipe must not hang us.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause) => {
    throw new UsageError(`The disk '${path}' ${openFailure(cause)}.`, { cause });
  });
  try {
    const facts = await file.stat();
    if (!facts.isFile()) {
      const kind = facts.isDirectory()
        ? "a folder"
        : "no regular file but a device, pipe or socket";
      throw new UsageError(`The disk '${path}' is ${kind}; expected a qcow2 or raw file.`);
    }
    if (facts.size === 0) throw new UsageError(`The disk '${path}' is empty (0 bytes).`);
    const head = Buffer.alloc(Math.min(headBytes, facts.size));
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return { head: head.subarray(0, bytesRead), fileBytes: facts.size };
  } finally {
    await file.close();
  }
}

function faultOfTable(table: ReturnType<typeof readPartitionTable>, bytes: number): string | null {
  if (table.kind === "damaged") return `is damaged: ${table.reason}`;
  if (table.kind === "none") return "holds no partition table";
  if (table.endBytes <= bytes) return null;
  const name = table.kind.toUpperCase();
  return `is truncated: it has ${formatBytes(bytes)} (${bytes} bytes), its ${name} speaks of ${formatBytes(table.endBytes)} (${table.endBytes} bytes)`;
}

/**
 * The rest is QEMU's own judgement (qemu-img(1), check: 0 good, 2 corrupt, 3 leaked clusters, which harm nobody), and
 * the partition table inside. The header was found harmless before, so no other file is opened.
 */
async function faultOfQcow2(
  path: string,
  { clusterBytes, virtualBytes }: Qcow2Facts,
  fileBytes: number,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const options = { timeoutMs: 120_000, ...(signal === undefined ? {} : { signal }) };
  // --force-share: another machine may have the disk open, read-only as we do.
  const args = ["check", "-q", "--force-share", "--output=json", "-f", "qcow2", path];
  const check = await attemptCommand("qemu-img", args, options).catch((error: unknown) => {
    // A badly damaged file makes it print without end; that ends the command, and is an answer.
    if (error instanceof HostUnfit && /maxBuffer/.test(error.message)) return null;
    throw error;
  });
  if (check === null) return "is truncated or corrupt: qemu-img finds faults without end";
  if (check.exitCode !== 0 && check.exitCode !== 3) {
    const said = check.stderr.split("\n").slice(-2).join(" ").slice(-300).trim();
    const lost = /beyond|exceeding|past the end/.test(check.stderr);
    return `is ${lost ? "truncated" : "corrupt"}: ${said === "" ? "qemu-img check finds faults" : said}`;
  }
  const end = Number(/"image-end-offset":\s*(\d+)/.exec(check.stdout)?.[1] ?? 0);
  if (end - fileBytes >= clusterBytes) {
    return `is truncated: it has ${fileBytes} bytes, its tables speak of ${end}`;
  }
  const head = await readInside(path, options);
  return faultOfTable(readPartitionTable(head), virtualBytes);
}

/** The first 8 KiB as the machine would see them. */
async function readInside(
  path: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<Buffer> {
  await using workspace = await createWorkspace("disk-head");
  const target = join(workspace.path, "head.raw");
  const copy = ["dd", "-U", "-f", "qcow2", "-O", "raw", "bs=8192", "count=1"];
  await runCommand("qemu-img", [...copy, `if=${path}`, `of=${target}`], options);
  return readSmallFile(target, { what: "beginning of the disk", maxBytes: 8192 });
}
