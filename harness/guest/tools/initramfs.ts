/**
 * Files of a guest's initramfs, as the kernel will unpack them: archives that follow each other, of which the later file wins. lsinitrd
 * reads the first two only and trusts its cpio; here the guest decompresses and looks for names, and the archive's headers are read on
 * the host. Source: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`.
 */
import { commands } from "../commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";

/**
 * Lines of sh that find dracut, and what calls it then, in a build: where rpm-ostree stands before dracut, the real one is called; without the variable it loses files
 * where SELinux's attributes cannot be copied (dracut-ng/dracut#1561, coreos/rpm-ostree#5483).
 */
export const findDracut = [
  "dracut=/usr/libexec/rpm-ostree/wrapped/dracut",
  'test -x "$dracut" || dracut=dracut',
] as const;
export const callDracut = 'DRACUT_NO_XATTR=1 "$dracut"';

/** `newc`: magic, then thirteen numbers of eight hexadecimal digits. */
const headerBytes = 110;
const magic = /^07070[12]/;
const fields = {
  ...{ mode: 1, links: 4, fileSize: 6, nameSize: 11 },
  ...{ inode: 0, major: 7, minor: 8 },
} as const;
/** The magic and the inode. */
const inodeEnd = 14;
/** What a configuration file may have at most, with its name and header. */
const maxEntryBytes = 64 * 1024;
/** Hits of a name that are looked at: the last ones, since they win. */
const maxHits = 20;
/** The name of the last entry of each archive. */
const trailer = "TRAILER!!!";
/** Zeros between two archives. */
const maxPaddingBytes = 16 * 1024;
/** With hardware acceleration: to decompress a hundred megabytes. */
const timeoutMs = 120_000;

const decompressors: readonly (readonly [start: string, program: string])[] = [
  ["28b52ffd", "zstd -dcq"],
  ["1f8b", "gzip -dcq"],
  ["fd377a585a00", "xz -dcq"],
  ["04224d18", "lz4 -dcq"],
  ["02214c18", "lz4 -dcq"],
  ["425a68", "bzip2 -dcq"],
];

export interface CpioHeader {
  readonly mode: number;
  readonly nameSize: number;
  readonly fileSize: number;
  /** Of the same file. */
  readonly links: number;
  /** What is the same for all links to a file: its inode and device. */
  readonly identity: string;
}

/** The header of an entry; null for bytes that are not one. */
export function parseCpioHeader(data: Buffer): CpioHeader | null {
  const text = data.subarray(0, headerBytes).toString("latin1");
  if (text.length < headerBytes || !magic.test(text)) return null;
  const digits = (at: number): number => {
    const word = text.slice(6 + 8 * at, 14 + 8 * at);
    return /^[0-9a-f]{8}$/i.test(word) ? Number.parseInt(word, 16) : -1;
  };
  const [mode, fileSize, nameSize, links] = [
    digits(fields.mode),
    digits(fields.fileSize),
    digits(fields.nameSize),
    digits(fields.links),
  ];
  const identity = [fields.inode, fields.major, fields.minor].map(digits).join(" ");
  return Math.min(mode, fileSize, nameSize, links) < 0
    ? null
    : { mode, fileSize, nameSize, links, identity };
}

const isFile = ({ mode }: CpioHeader): boolean => (mode & 0o170000) === 0o100000;

const padded = (size: number): number => (size + 3) & ~3;

/** The content of the regular file that an entry at the beginning of these bytes is, if it has this name; null for everything else. */
export function contentOfEntry(data: Buffer, name: string): string | null {
  const header = parseCpioHeader(data);
  if (header === null || !isFile(header)) return null;
  const found = data.subarray(headerBytes, headerBytes + header.nameSize - 1).toString();
  if (found !== name && found !== `./${name}` && found !== `/${name}`) return null;
  return contentBehind(header, data);
}

function contentBehind({ nameSize, fileSize }: CpioHeader, data: Buffer): string | null {
  const start = padded(headerBytes + nameSize);
  const content = data.subarray(start, start + fileSize);
  return content.length === fileSize ? content.toString() : null;
}

/** Where an entry ends and the next one begins. */
export const endOfEntry = ({ nameSize, fileSize }: CpioHeader): number =>
  padded(headerBytes + nameSize) + padded(fileSize);

/** Bytes of a file of the guest, or of what a program makes of it from an offset on. */
interface Source {
  readonly path: string;
  /** Where it begins in the file. */
  readonly at: number;
  /** A part of a shell's line: `tail -c +1 'PATH' | zstd -dcq`. */
  readonly pipe: string;
}

/** Why the files of an initramfs cannot be told. */
interface Unreadable {
  readonly unreadable: string;
}

class InitramfsReader {
  readonly #io: GuestIo;

  constructor(io: GuestIo) {
    this.#io = io;
  }

  async bytes({ pipe }: Source, from: number, count: number): Promise<Buffer> {
    const limits = { timeoutMs: timeoutMs * this.#io.timeScale, maxBytes: 256 * 1024 };
    const { stdout } = await mustExec(this.#io, commands.partOf(pipe, from, count), limits);
    return Buffer.from(stdout, "base64");
  }

  /** Offsets of a text, the last ones of many. */
  async hits({ pipe }: Source, text: string): Promise<number[]> {
    const limits = { timeoutMs: timeoutMs * this.#io.timeScale, maxBytes: 64 * 1024 };
    const command = commands.offsetsIn(pipe, text, maxHits);
    const { stdout } = await mustExec(this.#io, command, limits);
    return stdout.split("\n").flatMap((row) => {
      const found = /^(\d{1,12}):/.exec(row)?.[1];
      return found === undefined ? [] : [Number(found)];
    });
  }

  /** Where the compressed archive begins, and by what it is read; null where all of it is plain. */
  async compressed(plain: Source): Promise<Source | Unreadable | null> {
    const first = await this.bytes(plain, 0, headerBytes);
    if (parseCpioHeader(first) === null) return this.#decompressed(plain, 0);
    // Microcode, and what is compressed already: dracut puts kernel modules there, so it may have thousands of entries.
    for (const hit of await this.hits(plain, trailer)) {
      if (hit < headerBytes) continue;
      const header = parseCpioHeader(await this.bytes(plain, hit - headerBytes, headerBytes));
      if (header === null) continue;
      const at = hit - headerBytes + endOfEntry(header);
      const after = await this.bytes(plain, at, maxPaddingBytes);
      const next = after.findIndex((byte) => byte !== 0);
      if (next < 0 || parseCpioHeader(after.subarray(next)) !== null) continue;
      return this.#decompressed(plain, at + next);
    }
    return null;
  }

  async #decompressed({ path }: Source, at: number): Promise<Source | Unreadable | null> {
    const start = (await this.bytes(plainSource(path), at, 8)).toString("hex");
    const program = decompressors.find(([bytes]) => start.startsWith(bytes))?.[1];
    if (start === "") return null;
    if (program === undefined)
      return { unreadable: `it is compressed in a way that is not known here (${start})` };
    const tool = program.split(" ")[0] ?? "";
    if ((await this.#io.exec(commands.hasProgram(tool))).exitCode !== 0)
      return { unreadable: `it is compressed, and the guest does not have ${tool}` };
    return { path, at, pipe: `${commands.from(path, at)} | ${program} 2>/dev/null` };
  }

  /** The content of the last entry of this name, or null. */
  async find(sources: readonly Piece[], name: string): Promise<string | null> {
    for (const { source, from, to } of sources.toReversed()) {
      const hits = await this.hits(source, name);
      for (const hit of hits.filter((one) => one >= from && one < to).toReversed()) {
        const content = await this.#contentAt({ source, from, to }, hit, name);
        if (content !== null) return content;
      }
    }
    return null;
  }

  /** The name may be written with `./` or `/` before it. */
  async #contentAt(piece: Piece, hit: number, name: string): Promise<string | null> {
    const from = Math.max(0, hit - headerBytes - 2);
    const data = await this.bytes(piece.source, from, maxEntryBytes);
    for (const before of [0, 1, 2]) {
      const at = hit - headerBytes - before;
      const entry = data.subarray(at - from);
      const content = contentOfEntry(entry, name);
      if (content === "") return this.#contentOfLinks(piece, at, entry);
      if (content !== null) return content;
    }
    return null;
  }

  /**
   * Of the links to a file one carries its content, the last one with GNU cpio, and dracut(8) makes equal files links (`--nohardlink`). Those of the same
   * archive first, since another one may use the number again.
   */
  async #contentOfLinks({ source, from, to }: Piece, at: number, entry: Buffer): Promise<string> {
    const header = parseCpioHeader(entry);
    if (header === null || header.links < 2) return "";
    const all = await this.hits(source, entry.subarray(0, inodeEnd).toString("latin1"));
    const hits = all.filter((hit) => hit >= from && hit < to && hit !== at);
    const ends = await this.hits(source, trailer);
    const isApart = (hit: number): boolean =>
      ends.some((end) => end > Math.min(at, hit) && end < Math.max(at, hit));
    for (const hit of hits.toSorted((a, b) => Number(isApart(a)) - Number(isApart(b)))) {
      const data = await this.bytes(source, hit, maxEntryBytes);
      const link = parseCpioHeader(data);
      if (link?.identity !== header.identity || !isFile(link) || link.fileSize === 0) continue;
      const content = contentBehind(link, data);
      if (content !== null) return content;
    }
    return "";
  }
}

/** Where in a source a name counts. */
interface Piece {
  readonly source: Source;
  readonly from: number;
  readonly to: number;
}

const plainSource = (path: string): Source => ({ path, at: 0, pipe: commands.from(path, 0) });

/**
 * The content of files of an initramfs by their paths without a leading slash; null for one that it does not have. Throws CommandFailed
 * where it cannot be read.
 */
export async function readInitramfs(
  io: GuestIo,
  path: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string | null> | Unreadable> {
  const reader = new InitramfsReader(io);
  const plain = plainSource(path);
  const source = await reader.compressed(plain);
  if (source !== null && "unreadable" in source) return source;
  const all = Number.POSITIVE_INFINITY;
  // In the order in which the kernel unpacks them: what is plain stands before what is compressed, or was appended.
  const pieces: Piece[] =
    source === null
      ? [{ source: plain, from: 0, to: all }]
      : [
          { source: plain, from: 0, to: source.at },
          { source, from: 0, to: all },
          { source: plain, from: source.at, to: all },
        ];
  const found = new Map<string, string | null>();
  for (const name of names) found.set(name, await reader.find(pieces, name));
  return found;
}
