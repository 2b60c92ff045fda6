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

async function prepare(given: string, options: OpenOptions): Promise<DiskFacts> {
  const { cacheDir, signal } = options;
  const { head } = await readHead(given);
  const compression = compressionOf(head);
  if (compression === null) return prepareForeign(given, given, options);
  const digest = await digestOfFile(given, cacheDir, signal);
  const unpacked = await unpackDisk({ path: given, compression, digest, ...options }, (draft) =>
    prepareForeign(draft, given, options),
  );
  return prepareForeign(unpacked, given, options);
}

/** `path` is the file that was given, or what was unpacked of it. */
async function prepareForeign(
  path: string,
  given: string,
  options: OpenOptions,
): Promise<DiskFacts> {
  const { cacheDir, signal } = options;
  const packed = path === given ? {} : { packedIn: given };
  const { head } = await readHead(path);
  const kind = readForeignDisk(head);
  if (kind === null) return inspectDisk(path, { ...packed, signal });
  if ("refusal" in kind) {
    const subject = path === given ? `The disk '${given}'` : `The disk in '${given}'`;
    throw new UsageError(`${subject} ${kind.refusal}.`, { details: { "to do": kind.todo } });
  }
  const digest = await digestOfFile(given, cacheDir, signal);
  const check = (disk: string): Promise<DiskFacts> =>
    inspectDisk(disk, { packedIn: given, signal });
  const facts = await check(await convertDisk({ path, kind, given, digest, ...options }, check));
  const note = `The file is ${kind.words}; what boots is the qcow2 that it was converted to.`;
  return { ...facts, notes: [...facts.notes, note] };
}
