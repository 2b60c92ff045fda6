/**
 * Reads ISO 9660 volumes (ECMA-119) without any program of the host: the label, and files by their path. Names are those
 * of Rock Ridge where a volume has them (SUSP 1.12, RRIP 1.12, `NM`), else ISO's own without version and in small letters,
 * as Linux shows them. A volume is somebody else's file: every number in it is checked before it is used.
 */
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { formatBytes } from "../../harness/base/units.ts";
import { openFailure } from "../../harness/config/read-small-file.ts";

const sectorBytes = 2048;
/** Descriptors begin behind the system area (ECMA-119, 6.2.1). */
const firstDescriptor = 16;
const maxDescriptors = 64;
/** Folders of installers have some dozens of entries; a repository on a DVD has thousands. */
const maxFolderBytes = 16 * 1024 * 1024;
const maxContinuations = 8;

/** A file on a volume. */
export interface IsoFile {
  /** As it is written on the volume, from its root: `/images/pxeboot/vmlinuz`. */
  readonly path: string;
  /** In bytes, from the beginning of the volume. */
  readonly start: number;
  readonly size: number;
}

interface Entry extends IsoFile {
  readonly isFolder: boolean;
}

/** An open volume. */
export interface IsoVolume extends AsyncDisposable {
  readonly path: string;
  /** Without the spaces that fill it up; may be empty. */
  readonly label: string;
  /** What the volume says of its own size. */
  readonly bytes: number;
  /** The file at a path, small and capital letters alike, or null. */
  find(path: string): Promise<IsoFile | null>;
  /** Bytes of the volume itself; throws UsageError where it ends before. */
  readAt(start: number, size: number): Promise<Buffer>;
  /** The content of a file of at most `maxBytes`; throws UsageError for a larger one. */
  read(file: IsoFile, maxBytes: number): Promise<Buffer>;
}

/** Opens a volume. Throws UsageError for a file that is not one, or that is cut short. */
export async function openIso(name: string): Promise<IsoVolume> {
  const path = resolve(name);
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new UsageError(`The ISO image '${name}' ${openFailure(cause)}.`, { cause });
  });
  try {
    const { size } = await file.stat();
    return await readVolume(file, { path, name, fileBytes: size });
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Place {
  readonly path: string;
  /** How messages call it. */
  readonly name: string;
  readonly fileBytes: number;
}

async function readVolume(file: FileHandle, place: Place): Promise<IsoVolume> {
  const { path, name, fileBytes } = place;
  const read = async (start: number, size: number): Promise<Buffer> => {
    if (start < 0 || start + size > fileBytes) throw cutShort(name, fileBytes, start + size);
    const room = Buffer.alloc(size);
    const { bytesRead } = await file.read(room, 0, size, start);
    if (bytesRead < size) throw cutShort(name, start + bytesRead, start + size);
    return room;
  };
  const primary = await primaryDescriptor(read, place);
  // Numbers are there in both byte orders; the little-endian ones come first (ECMA-119, 7.3.3).
  const bytes = primary.readUInt32LE(80) * primary.readUInt16LE(128);
  if (primary.readUInt16LE(128) !== sectorBytes)
    throw damaged(name, `its blocks have ${primary.readUInt16LE(128)} bytes`);
  if (fileBytes < bytes) throw cutShort(name, fileBytes, bytes);
  const root = entryOf(primary.subarray(156, 190), "/");
  if (root === null) throw damaged(name, "it does not have a root folder");
  const folders = new Map<number, Promise<Entry[]>>();
  const list = (folder: Entry): Promise<Entry[]> => {
    const known = folders.get(folder.start) ?? listFolder(read, folder, name);
    folders.set(folder.start, known);
    return known;
  };
  return {
    path,
    bytes,
    label: primary.toString("latin1", 40, 72).replace(/[ \0]+$/, ""),
    async find(wanted) {
      let found: Entry = { ...root, path: "", isFolder: true };
      for (const part of wanted.split("/").filter((one) => one !== "" && one !== ".")) {
        if (!found.isFolder) return null;
        const next = nearestName(await list(found), part);
        if (next === null) return null;
        found = { ...next, path: `${found.path}/${next.path}` };
      }
      return found.isFolder ? null : { path: found.path, start: found.start, size: found.size };
    },
    async read(one, maxBytes) {
      if (one.size > maxBytes)
        throw new UsageError(`'${one.path}' on the ISO image '${name}' is too large to be read.`, {
          details: { size: formatBytes(one.size), "at most": formatBytes(maxBytes) },
        });
      return read(one.start, one.size);
    },
    readAt: read,
    [Symbol.asyncDispose]: () => file.close(),
  };
}

type Read = (start: number, size: number) => Promise<Buffer>;

async function primaryDescriptor(read: Read, { name, fileBytes }: Place): Promise<Buffer> {
  const notOne = new UsageError(`'${name}' is not an ISO image.`, {
    details: { "looked for": "a primary volume descriptor of ISO 9660" },
  });
  if (fileBytes < (firstDescriptor + 1) * sectorBytes) throw notOne;
  for (let index = 0; index < maxDescriptors; index++) {
    const descriptor = await read((firstDescriptor + index) * sectorBytes, sectorBytes);
    if (descriptor.toString("latin1", 1, 6) !== "CD001" || descriptor[0] === 255) throw notOne;
    if (descriptor[0] === 1) return descriptor;
  }
  throw notOne;
}

/** Small and capital letters are told apart only where both are there. */
function nearestName(entries: readonly Entry[], part: string): Entry | null {
  const small = part.toLowerCase();
  return (
    entries.find(({ path }) => path === part) ??
    entries.find(({ path }) => path.toLowerCase() === small) ??
    null
  );
}

/** The entries of a folder; their `path` is the name alone. */
async function listFolder(read: Read, folder: Entry, name: string): Promise<Entry[]> {
  if (folder.size > maxFolderBytes) throw damaged(name, "a folder of it is larger than 16 MiB");
  const data = await read(folder.start, folder.size);
  const entries: Entry[] = [];
  for (let at = 0; at < data.length; ) {
    const length = data[at] ?? 0;
    // A record does not reach over the end of a sector; zeros fill the rest (ECMA-119, 6.8.1.1).
    if (length === 0) {
      at = (Math.floor(at / sectorBytes) + 1) * sectorBytes;
      continue;
    }
    if (length < 34 || at + length > data.length) throw damaged(name, "a folder entry is cut off");
    const record = data.subarray(at, at + length);
    const entry = entryOf(record, (await rockRidgeName(read, record)) ?? plainName(record));
    if (entry !== null) entries.push(entry);
    at += length;
  }
  return entries;
}

/** Offset of what is behind the name: names are padded to an even length (ECMA-119, 9.1.12). */
const systemUseAt = (record: Buffer): number => {
  const length = record[32] ?? 0;
  return 33 + length + (length % 2 === 0 ? 1 : 0);
};

function entryOf(record: Buffer, path: string): Entry | null {
  const [start, size] = [record.readUInt32LE(2) * sectorBytes, record.readUInt32LE(10)];
  const isFolder = ((record[25] ?? 0) & 2) !== 0;
  if (path === "") return null;
  return { path, start, size, isFolder };
}

/** `VMLINUZ.;1` is shown as `vmlinuz`; the entries for the folder itself and its parent are left out. */
function plainName(record: Buffer): string {
  const length = record[32] ?? 0;
  if (length === 1 && (record[33] ?? 0) < 2) return "";
  const name = record.toString("latin1", 33, 33 + length);
  return name.replace(/;\d+$/, "").replace(/\.$/, "").toLowerCase();
}

async function rockRidgeName(read: Read, record: Buffer): Promise<string | null> {
  if (record[32] === 1 && (record[33] ?? 0) < 2) return null;
  let area = record.subarray(systemUseAt(record));
  let name: string | null = null;
  for (let round = 0; round < maxContinuations; round++) {
    let next: { readonly start: number; readonly size: number } | null = null;
    for (let at = 0; at + 4 <= area.length; ) {
      const length = area[at + 2] ?? 0;
      if (length < 4 || at + length > area.length) break;
      const field = area.subarray(at, at + length);
      const word = field.toString("latin1", 0, 2);
      // Flags 2 and 4 stand for the folder itself and its parent (RRIP, 4.1.4).
      if (word === "NM" && length > 5 && ((field[4] ?? 0) & 6) === 0)
        name = (name ?? "") + field.toString("utf8", 5);
      if (word === "CE" && length >= 28)
        next = {
          start: field.readUInt32LE(4) * sectorBytes + field.readUInt32LE(12),
          size: Math.min(field.readUInt32LE(20), sectorBytes),
        };
      if (word === "ST") break;
      at += length;
    }
    if (next === null) break;
    area = await read(next.start, next.size);
  }
  return name;
}

const cutShort = (name: string, has: number, needs: number): UsageError =>
  new UsageError(
    `The ISO image '${name}' is truncated: it has ${formatBytes(has)} (${has} bytes), its tables speak of ${formatBytes(needs)} (${needs} bytes).`,
    { details: { "to do": "download or build the file again, and compare its checksum" } },
  );

const damaged = (name: string, reason: string): UsageError =>
  new UsageError(`The ISO image '${name}' is damaged: ${reason}.`, {
    details: { "to do": "download or build the file again, and compare its checksum" },
  });
