/** Reads parts of a disk as the machine would see them, raw or qcow2, without mounting or attaching anything. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { openFailure, readSmallFile } from "../../harness/config/read-small-file.ts";
import { headBytes } from "./disk-kind.ts";

export interface DiskSource {
  readonly path: string;
  /** Of a qcow2 only one whose header was found harmless may be given: qemu-img opens what the header names. */
  readonly format: "qcow2" | "raw";
  readonly signal?: AbortSignal | undefined;
}

export interface DiskReader extends AsyncDisposable {
  readonly source: DiskSource;
  /** Bytes of the disk; both numbers are multiples of 512 and lie in the disk. */
  read(start: number, length: number): Promise<Buffer>;
  /** Writes a part of the disk as a file, holes left out, and returns its path; it lives as long as the reader. */
  extract(start: number, length: number): Promise<string>;
}

/** Opens a disk for reading. */
export async function openDiskReader(source: DiskSource): Promise<DiskReader> {
  const workspace = await createWorkspace("disk-part");
  const { path, format, signal } = source;
  let count = 0;
  const extract = async (start: number, length: number): Promise<string> => {
    const target = join(workspace.path, `part-${count++}.raw`);
    const file = `file.file.driver=file,file.file.filename=${path.replaceAll(",", ",,")}`;
    const part = `driver=raw,offset=${start},size=${length},file.driver=${format},${file}`;
    const limits = { timeoutMs: 120_000, ...(signal === undefined ? {} : { signal }) };
    await runCommand(
      "qemu-img",
      ["convert", "-U", "--image-opts", part, "-O", "raw", target],
      limits,
    );
    return target;
  };
  return {
    source,
    extract,
    async read(start, length) {
      if (format === "raw") return readPart(path, start, length);
      return readSmallFile(await extract(start, length), {
        what: "part of the disk",
        maxBytes: length,
      });
    },
    [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
  };
}

async function readPart(path: string, start: number, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const room = Buffer.alloc(length);
    const { bytesRead } = await file.read(room, 0, length, start);
    return room.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
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
        : "not a regular file but a device, pipe or socket";
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
