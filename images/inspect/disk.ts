/**
 * Looks at a disk file before anything boots from it: is it a disk, is it whole, is it safe to open, and what machine
 * does it ask for. What is wrong is the caller's to mend, so every refusal is a UsageError that names the file that the
 * person gave, says what it is instead and what to do.
 */
import { resolve } from "node:path";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { fileStamp, isKnownWhole, noteWhole } from "../../harness/base/file-stamp.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { formatBytes } from "../../harness/base/units.ts";
import type { SectorBytes } from "../image.ts";
import { architectureOfPartitions } from "./architecture.ts";
import { architectureOfBootPrograms, architectureOfMbrCode } from "./boot-programs.ts";
import { describeContent, isIso, isVhdFooter } from "./disk-kind.ts";
import { openDiskReader, readHead } from "./disk-reader.ts";
import { architectureOfEsp } from "./esp.ts";
import {
  isSoundHeader,
  readPartitionTable,
  type TableFacts,
  tableBytes,
} from "./partition-table.ts";
import { isQcow2, type Qcow2Facts, readQcow2Header } from "./qcow2-header.ts";

export interface DiskFacts {
  readonly path: string;
  readonly format: "qcow2" | "raw";
  /** `fileStamp` of what was looked at. */
  readonly stamp: string;
  readonly sectorBytes: SectorBytes;
  /** Size that the machine sees. */
  readonly virtualBytes: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** What the disk itself says that it is for (`x86_64`, `s390x`), or null. */
  readonly architecture: string | null;
  /** What is odd and does not hinder a boot, in whole sentences for every report. */
  readonly notes: readonly string[];
}

export interface InspectOptions {
  /** How messages call the file that the person gave. Default: its path. */
  readonly calls?: string;
  /** `path` is what was unpacked of that file, or made of it. */
  readonly isPacked?: boolean;
  readonly signal?: AbortSignal;
}

type Refuse = (reason: string, todo?: string) => never;

const again = "download or build the file again, and compare its checksum";

/** Throws UsageError for whatever is not a whole, self-contained disk; HostUnfit when qemu-img is missing. */
export async function inspectDisk(path: string, options: InspectOptions = {}): Promise<DiskFacts> {
  const { calls = path, isPacked = false, signal } = options;
  const absolute = resolve(path);
  const { head, fileBytes } = await readHead(absolute);
  const stamp = await fileStamp(absolute);
  const subject = isPacked ? `The disk in '${calls}'` : `The disk '${calls}'`;
  const refuse: Refuse = (reason, todo = again) => {
    throw new UsageError(`${subject} ${reason}.`, { details: { "to do": todo } });
  };
  const format = isQcow2(head) ? "qcow2" : "raw";
  const virtualBytes = format === "raw" ? fileBytes : await checkQcow2();
  async function checkQcow2(): Promise<number> {
    const header = readQcow2Header(head);
    if ("refusal" in header) return refuse(header.refusal, header.todo);
    const reason = isKnownWhole(stamp)
      ? null
      : await faultOfQcow2(absolute, header, fileBytes, signal);
    if (reason !== null) return refuse(reason);
    noteWhole(stamp);
    return header.virtualBytes;
  }
  await using disk = await openDiskReader({ path: absolute, format, signal });
  const begin = format === "raw" ? head : await disk.read(0, Math.min(tableBytes, virtualBytes));
  if (format === "raw" && isIso(head)) {
    const todo = isPacked
      ? "unpack it and give the .iso, which can be installed from"
      : "install from it and give the disk";
    refuse("is an ISO image, made to install from, not an installed disk", todo);
  }
  const table = readPartitionTable(begin);
  if (table.kind === "none") {
    if (format === "qcow2") return refuse("does not hold a partition table");
    throw notADisk(calls, head, isPacked);
  }
  const fault = faultOfTable(table, virtualBytes);
  if (fault !== null) refuse(fault);
  const notes = await judgeCopies(table, disk.read, virtualBytes, refuse);
  if (format === "raw" && isVhdFooter(await disk.read(fileBytes - 512, 512))) {
    notes.push("It is a fixed VHD and is taken as raw: its footer is the disk's last sector.");
  }
  const partitions = table.kind === "damaged" ? [] : table.partitions;
  return {
    path: absolute,
    format,
    stamp,
    sectorBytes: table.kind === "gpt" ? table.sectorBytes : 512,
    virtualBytes,
    fileBytes,
    architecture:
      architectureOfPartitions(partitions) ??
      (await architectureOfEsp(disk, partitions)) ??
      (await architectureOfBootPrograms(disk, partitions)) ??
      architectureOfMbrCode(begin),
    notes,
  };
}

function notADisk(name: string, head: Buffer, isPacked: boolean): UsageError {
  const { words, todo } = describeContent(head);
  return new UsageError(
    isPacked
      ? `'${name}' holds ${words}, not a disk.`
      : `'${name}' is not a disk: it looks like ${words}.`,
    {
      details: {
        "to do": isPacked ? `unpack it to FILE; ${todo}` : todo.replaceAll("FILE", `'${name}'`),
      },
    },
  );
}

function faultOfTable(table: TableFacts, bytes: number): string | null {
  if (table.kind === "damaged") return `is damaged: ${table.reason}`;
  if (table.kind === "none" || table.endBytes <= bytes) return null;
  const name = table.kind.toUpperCase();
  return `is truncated: it has ${formatBytes(bytes)} (${bytes} bytes), its ${name} speaks of ${formatBytes(table.endBytes)} (${table.endBytes} bytes)`;
}

/** A GPT is there twice. Firmware boots by either copy (UEFI 2.10, 5.3.2), so one that is damaged is told and not refused. */
async function judgeCopies(
  table: TableFacts,
  read: (start: number, length: number) => Promise<Buffer>,
  bytes: number,
  refuse: Refuse,
): Promise<string[]> {
  if (table.kind !== "gpt") return [];
  const { backupBytes, sectorBytes, isSound } = table;
  const copies = isSound ? [backupBytes] : [backupBytes, bytes - sectorBytes];
  let hasBackup = false;
  for (const at of copies) {
    if (at > 0 && at + sectorBytes <= bytes)
      hasBackup ||= isSoundHeader(await read(at, sectorBytes));
  }
  if (!isSound && !hasBackup) {
    refuse("is damaged: neither copy of its GPT has the checksum that it names");
  }
  if (!isSound) return ["The first copy of its GPT is damaged; firmware goes by the second one."];
  return hasBackup ? [] : ["The second copy of its GPT, at the end of the disk, is damaged."];
}

/**
 * The rest is QEMU's own judgement (qemu-img(1), check: 0 good, 2 corrupt, 3 leaked clusters, which harm nobody). The
 * header was found harmless before, so no other file is opened.
 */
async function faultOfQcow2(
  path: string,
  { clusterBytes }: Qcow2Facts,
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
  return null;
}
