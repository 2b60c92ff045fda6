/**
 * What an OCI archive says of itself, read where it lies: its headers, `index.json` and one document, and no layer. skopeo
 * takes an image out of an archive and tells neither the index that it was found by nor which tags there are.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Digest } from "../../harness/base/units.ts";
import { blockBytes, parseHeader, parsePax, TarMalformed } from "../rootfs/tar-header.ts";
import { type LayoutEntry, listIndex } from "./oci-layout.ts";
import { digestOfBytes, type Index, readManifest } from "./platform.ts";

/** More members than an archive of images has. */
const maxMembers = 100_000;
const maxDocumentBytes = 4 * 1024 * 1024;

export interface ArchiveIndex {
  readonly entries: readonly LayoutEntry[];
  /** The index that an entry names; null where it is not there, or damaged. */
  indexOf(entry: LayoutEntry): Promise<Index | null>;
}

export interface Member {
  readonly start: number;
  readonly size: number;
}

/**
 * Null for what cannot be read like this: an archive that is compressed, cut off or not an OCI archive, of which skopeo
 * says what is wrong. Throws UsageError for an `index.json` that is malformed.
 */
export async function readArchiveIndex(path: string): Promise<ArchiveIndex | null> {
  const members = await readMembers(path);
  const bytes = await documentOf(path, members?.get("index.json"));
  if (members === null || bytes === null) return null;
  return {
    entries: listIndex(bytes, `${path}:index.json`),
    async indexOf({ digest }) {
      const document = await documentOf(path, members.get(blobName(digest)));
      if (document === null || digestOfBytes(document) !== digest) return null;
      const read = readManifest(document, path);
      return read.kind === "index" ? read : null;
    },
  };
}

/** Where the regular files of a tar lie, by their names without `./`; null for what is not a plain tar, empty for no archive at all. */
export const readMembers = (path: string): Promise<ReadonlyMap<string, Member> | null> =>
  withFile(path, findMembers);

const blobName = (digest: Digest): string => `blobs/${digest.replace(":", "/")}`;

async function withFile<T>(path: string, body: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return await body(file);
  } finally {
    await file.close();
  }
}

function documentOf(path: string, member: Member | undefined): Promise<Buffer | null> {
  if (member === undefined || member.size > maxDocumentBytes) return Promise.resolve(null);
  return withFile(path, async (file) => {
    const bytes = await readAt(file, member.start, member.size);
    return bytes.length === member.size ? bytes : null;
  });
}

async function readAt(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const room = Buffer.alloc(length);
  const { bytesRead } = await file.read(room, 0, length, start);
  return room.subarray(0, bytesRead);
}

async function findMembers(file: FileHandle): Promise<ReadonlyMap<string, Member> | null> {
  const members = new Map<string, Member>();
  let sizeSaid: number | null = null;
  let at = 0;
  try {
    for (let count = 0; count < maxMembers; count++) {
      const block = await readAt(file, at, blockBytes);
      const header = block.length < blockBytes ? null : parseHeader(block);
      if (header === null || header.size < 0) break;
      const start = at + blockBytes;
      const size: number = sizeSaid ?? header.size;
      sizeSaid = null;
      if (header.type === "x" && size <= maxDocumentBytes) {
        // A file of more than 8 GiB has its size there (pax(1) of POSIX).
        const said = parsePax(await readAt(file, start, size))
          .get("size")
          ?.toString("latin1");
        sizeSaid = said !== undefined && /^\d{1,15}$/.test(said) ? Number(said) : null;
      }
      if (header.type === "0") members.set(header.name.replace(/^\.\//, ""), { start, size });
      at = start + Math.ceil(size / blockBytes) * blockBytes;
    }
  } catch (error) {
    if (error instanceof TarMalformed) return null;
    throw error;
  }
  return members;
}
