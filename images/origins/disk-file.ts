/**
 * A disk file as people have it, whole and ready to boot: unpacked where it is compressed, converted where it is another
 * hypervisor's, judged before anything opens it.
 */
import { UsageError } from "../../harness/base/errors.ts";
import type { DiskImage } from "../image.ts";
import { type DiskFacts, inspectDisk } from "../inspect/disk.ts";
import { compressionOf } from "../inspect/disk-kind.ts";
import { readHead } from "../inspect/disk-reader.ts";
import { digestOfFile } from "../inspect/file-digest.ts";
import { readForeignDisk } from "../inspect/foreign-disk.ts";
import { convertDisk } from "./convert.ts";
import { unpackDisk } from "./unpack.ts";

export interface OpenOptions {
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** How messages call the file. Default: its path. */
  readonly calls?: string;
}

export interface OpenedDisk {
  readonly disk: DiskImage;
  readonly facts: DiskFacts;
}

/** The disk; its digest is that of the file as it was given. Throws UsageError for what is not a whole disk. */
export async function openDiskFile(path: string, options: OpenOptions): Promise<OpenedDisk> {
  const facts = await prepare(path, options);
  const digest = await digestOfFile(path, options.cacheDir, options.signal);
  const { path: absolute, format, stamp, sectorBytes } = facts;
  return { disk: { path: absolute, format, digest, stamp, sectorBytes }, facts };
}

async function prepare(path: string, options: OpenOptions): Promise<DiskFacts> {
  const { cacheDir, signal, calls: given = path } = options;
  const { head } = await readHead(path);
  const compression = compressionOf(head);
  if (compression === null) return judge({ path, source: path, given, isPacked: false }, options);
  const digest = await digestOfFile(path, cacheDir, signal);
  const judgeIn = (disk: string): Promise<DiskFacts> =>
    judge({ path: disk, source: path, given, isPacked: true }, options);
  return judgeIn(await unpackDisk({ ...options, path, given, compression, digest }, judgeIn));
}

interface Candidate {
  /** The disk: the file that was given, or what was unpacked of it. */
  readonly path: string;
  /** The file that was given. */
  readonly source: string;
  /** How messages call that file. */
  readonly given: string;
  /** Messages have to say that the disk came out of it. */
  readonly isPacked: boolean;
}

async function judge(candidate: Candidate, options: OpenOptions): Promise<DiskFacts> {
  const { path, source, given, isPacked } = candidate;
  const { cacheDir, signal } = options;
  const { head } = await readHead(path);
  const kind = readForeignDisk(head);
  if (kind === null) return inspectDisk(path, { calls: given, isPacked, signal });
  if ("refusal" in kind) {
    const subject = isPacked ? `The disk in '${given}'` : `The disk '${given}'`;
    throw new UsageError(`${subject} ${kind.refusal}.`, { details: { "to do": kind.todo } });
  }
  const digest = await digestOfFile(source, cacheDir, signal);
  const check = (disk: string): Promise<DiskFacts> =>
    inspectDisk(disk, { calls: given, isPacked: true, signal });
  const facts = await check(await convertDisk({ ...options, path, kind, given, digest }, check));
  const note = `The file is ${kind.words}; what boots is the qcow2 that it was converted to.`;
  return { ...facts, notes: [...facts.notes, note] };
}
