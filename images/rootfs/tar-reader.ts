/**
 * Reads a layer's tar archive entry by entry: ustar, GNU and PAX, sparse files too, with names and extended attributes as
 * bytes.
 */
import { type ByteSource, EndedEarly } from "./byte-source.ts";
import { blockBytes, parseHeader, parsePax, type TarHeader, TarMalformed } from "./tar-header.ts";
import { filled, readSparse, type Sparse } from "./tar-sparse.ts";

export type TarKind = "file" | "hardlink" | "symlink" | "directory" | "char" | "block" | "fifo";

export interface Xattr {
  /** With its namespace, bytes as latin1. */
  readonly name: string;
  readonly value: Buffer;
}

export interface TarEntry {
  /** Counts the entries of the archive from 0. */
  readonly ordinal: number;
  /** Bytes as latin1. */
  readonly name: string;
  readonly kind: TarKind;
  /** Permissions with set-ID and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content: 0 for all but files. */
  readonly size: number;
  /** Whole seconds since 1970, and nanoseconds behind them. */
  readonly mtime: number;
  readonly mtimeNanos: number;
  /** Target of a link, bytes as latin1. */
  readonly link: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: readonly Xattr[];
  /** Of a file whose holes are not in the archive. */
  readonly sparse: Sparse | null;
}

const kinds: Readonly<Record<string, TarKind>> = {
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/** Headers that only say more of the entry behind them. */
interface Prelude {
  readonly pax: ReadonlyMap<string, Buffer>;
  readonly longName: string | null;
  readonly longLink: string | null;
}

const noPrelude: Prelude = { pax: new Map(), longName: null, longLink: null };
const maxHeaderBytes = 4 * 1024 * 1024;
const maxId = 2 ** 32 - 2;

/**
 * Yields each entry. Its content may be had by `contentOf` until the next one is asked for; what is left is skipped.
 * Throws TarMalformed, and EndedEarly for an archive that is cut off.
 */
export async function* readTar(source: ByteSource): AsyncGenerator<TarEntry> {
  let prelude = noPrelude;
  let zeroBlocks = 0;
  for (let ordinal = 0; ; ) {
    const block = source.tryRead(blockBytes) ?? (await source.read(blockBytes));
    if (block === null) {
      if (prelude !== noPrelude) throw new EndedEarly();
      return;
    }
    const header = parseHeader(block);
    if (header === null) {
      if (++zeroBlocks === 2) return;
      continue;
    }
    zeroBlocks = 0;
    if ("xXgLK".includes(header.type)) {
      prelude = addPrelude(prelude, header.type, await readPrelude(source, header));
      continue;
    }
    const asked = sparseOf(source, block, header, prelude);
    const sparse = asked === null ? null : await asked;
    const entry = toEntry(header, prelude, ordinal++, sparse);
    prelude = noPrelude;
    const start = source.position;
    const end = start + paddedSize(sparse?.stored ?? entry.size);
    yield entry;
    if (source.position < end) await source.skip(end - source.position);
  }
}

/** The bytes of an entry that `readTar` has just yielded. */
export const contentOf = (source: ByteSource, { size, sparse }: TarEntry): AsyncIterable<Buffer> =>
  sparse === null ? source.take(size) : filled(source, sparse);

const paddedSize = (size: number): number => Math.ceil(size / blockBytes) * blockBytes;

async function readPrelude(source: ByteSource, { size }: TarHeader): Promise<Buffer> {
  if (size < 0 || size > maxHeaderBytes)
    throw new TarMalformed("it has a header of more than 4 MiB");
  const bytes = await source.read(paddedSize(size));
  if (bytes === null && size > 0) throw new EndedEarly();
  // Copied: names and values stay when the stream has gone on.
  return Buffer.from((bytes ?? Buffer.alloc(0)).subarray(0, size));
}

/** A global PAX header says nothing about the files of a layer (Go's archive/tar leaves it out too). */
function addPrelude(before: Prelude, type: string, bytes: Buffer): Prelude {
  if (type === "g") return before;
  if (type === "L") return { ...before, longName: untilNul(bytes) };
  if (type === "K") return { ...before, longLink: untilNul(bytes) };
  return { ...before, pax: new Map([...before.pax, ...parsePax(bytes)]) };
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
}

/** Most headers are told apart without a promise. */
function sparseOf(
  source: ByteSource,
  block: Buffer,
  header: TarHeader,
  { pax }: Prelude,
): Promise<Sparse | null> | null {
  return header.type === "S" || (header.type === "0" && pax.size > 0)
    ? readSparse(source, { block, header, pax })
    : null;
}

function toEntry(
  header: TarHeader,
  prelude: Prelude,
  ordinal: number,
  sparse: Sparse | null,
): TarEntry {
  const { pax } = prelude;
  const said = (key: string): string | null => pax.get(key)?.toString("latin1") ?? null;
  const name = said("GNU.sparse.name") ?? said("path") ?? prelude.longName ?? header.name;
  const kind = header.type === "0" && name.endsWith("/") ? "directory" : kinds[header.type];
  if (kind === undefined)
    throw new TarMalformed(`its entry '${shown(name)}' is of a kind that layers do not have`);
  const link = said("linkpath") ?? prelude.longLink ?? header.link;
  if (name.includes("\0") || link.includes("\0"))
    throw new TarMalformed(`its entry '${shown(name)}' has a name with a NUL byte`);
  const whole = (key: string, fallback: number, limit: number): number => {
    const text = said(key);
    const value = text === null ? fallback : /^\d{1,16}$/.test(text) ? Number(text) : -1;
    if (value >= 0 && value <= limit) return value;
    throw new TarMalformed(`its entry '${shown(name)}' has a ${key} that cannot be`);
  };
  return {
    ordinal,
    name,
    kind,
    mode: header.mode & 0o7777,
    uid: whole("uid", header.uid, maxId),
    gid: whole("gid", header.gid, maxId),
    size:
      kind === "file"
        ? (sparse?.size ?? whole("size", header.size, Number.MAX_SAFE_INTEGER - blockBytes))
        : 0,
    ...timeOf(said("mtime"), header.mtime, name),
    link,
    major: whole("SCHILY.devmajor", header.major, 0xfff),
    minor: whole("SCHILY.devminor", header.minor, 0xfffff),
    xattrs: xattrsOf(pax),
    sparse,
  };
}

/** Decimal seconds with a fraction of any length, negative before 1970. */
function timeOf(
  text: string | null,
  fallback: number,
  name: string,
): { readonly mtime: number; readonly mtimeNanos: number } {
  if (text === null) return { mtime: fallback, mtimeNanos: 0 };
  const [, sign, seconds, fraction = ""] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text) ?? [];
  if (seconds === undefined)
    throw new TarMalformed(`its entry '${shown(name)}' has a time that is not a number`);
  const nanos = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { mtime: Number(seconds), mtimeNanos: nanos };
  return nanos === 0
    ? { mtime: 0 - Number(seconds), mtimeNanos: 0 }
    : { mtime: -Number(seconds) - 1, mtimeNanos: 1e9 - nanos };
}

const none: readonly Xattr[] = [];

/**
 * `SCHILY.xattr.NAME` has the bytes as they are (Go, GNU tar, star), `LIBARCHIVE.xattr.NAME` in base64 with the name
 * URL-encoded (libarchive), `RHT.security.selinux` the label (GNU tar).
 */
function xattrsOf(pax: ReadonlyMap<string, Buffer>): readonly Xattr[] {
  if (pax.size === 0) return none;
  const found = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (key.startsWith("LIBARCHIVE.xattr.")) {
      const name = key.slice("LIBARCHIVE.xattr.".length);
      const plain = name.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      found.set(plain, Buffer.from(value.toString("latin1"), "base64"));
    }
  }
  const label = pax.get("RHT.security.selinux");
  if (label !== undefined) found.set("security.selinux", label);
  for (const [key, value] of pax) {
    if (key.startsWith("SCHILY.xattr.")) found.set(key.slice("SCHILY.xattr.".length), value);
  }
  if (found.size === 0) return none;
  return [...found].map(([name, value]) => ({ name, value }));
}

/** A name of the archive as it may stand in a message. */
export { TarMalformed } from "./tar-header.ts";

export const shown = (name: string): string =>
  Buffer.from(name, "latin1")
    .toString("utf8")
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?")
    .slice(0, 200);
