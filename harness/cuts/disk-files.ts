/**
 * Reads files of an ext4 file system in a raw disk, without root and without a mount: by debugfs(8), which replays no journal and opens
 * the disk for reading only. What is read comes from a disk that was cut, so a name that is odd is one that is not there.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "../base/hash-file.ts";
import { askDisk } from "./ask-disk.ts";
import type { DiskPart, KnownHashes } from "./known-hashes.ts";

export interface FileName {
  readonly name: string;
  /** Number of the file itself (its inode). */
  readonly number: number;
}

export interface DiskFiles {
  /** What is in a folder, by name; null where it is not there. */
  list(path: string): Promise<readonly FileName[] | null>;
  /** Text of a small file; null where it is not there. */
  text(path: string): Promise<string | null>;
  /** Digest of a file's content; null where it is not there or cannot be read to its end. */
  hash(path: string): Promise<string | null>;
  /** Number of the folder that a path leads to, over links too; null where there is none. */
  folder(path: string): Promise<number | null>;
}

/** What debugfs can be told inside quotes. */
const isPlain = (path: string): boolean => /^\/[\w./+:@=~,-]*$/.test(path);

/** A question to debugfs reads one file or folder. */
const timeoutMs = 60_000;

/**
 * Asks debugfs(8); null where what was asked for is not there, or cannot be read to its end. As GRUB and the kernel do who look for a file, it
 * reads no bitmaps (-c) and does not compare checksums (-n): before its journal is replayed, those of a file system in use need not match.
 */
export async function askDebugfs(
  request: string,
  { path, startBytes }: DiskPlace,
  signal: AbortSignal,
): Promise<string | null> {
  const args = ["-c", "-n", "-R", request, `${path}?offset=${startBytes}`];
  const said = await askDisk("debugfs", { args, timeoutMs, signal });
  if ("unanswered" in said) return null;
  // It greets on its error output and ends with 0 whatever it was asked for.
  const lines = said.stderr.split("\n").filter((line) => !/^debugfs \d/.test(line));
  return said.exitCode === 0 && lines.join("").trim() === "" ? said.stdout : null;
}

/** Where a file system begins, in bytes of a raw disk. */
export interface DiskPlace {
  readonly path: string;
  readonly startBytes: number;
}

/** Files of a file system. `scratch` is a folder for what is read on its way; hashes that are in `known` are not made again. */
export function ext4Files(
  place: DiskPlace & { readonly blockBytes: number },
  { scratch, known }: { readonly scratch: string; readonly known: KnownHashes },
  signal: AbortSignal,
): DiskFiles {
  const ask = async (path: string, request: string): Promise<string | null> =>
    isPlain(path) ? askDebugfs(request, place, signal) : null;
  return {
    async list(path) {
      const said = await ask(path, `ls -p "${path}"`);
      return said === null ? null : parseList(said).filter(({ name }) => !/^\.{1,2}$/.test(name));
    },
    text: (path) => ask(path, `cat "${path}"`),
    async hash(path) {
      const inode = inodeOf((await ask(path, `stat "${path}"`)) ?? "", place);
      if (inode === null) return null;
      const before = inode.key === null ? null : known.find(inode.key);
      if (before !== null) return before;
      const copy = join(scratch, "file");
      await rm(copy, { force: true });
      if ((await ask(path, `dump "${path}" "${copy}"`)) === null) return null;
      const hash = await hashFile(copy, signal);
      if (inode.key !== null) known.keep(inode.key, { hash, parts: inode.parts });
      return hash;
    },
    async folder(path) {
      // The dot follows a link at the end of the path.
      const said = await ask(path, `ls -p "${path}/."`);
      return said === null
        ? null
        : (parseList(said).find(({ name }) => name === ".")?.number ?? null);
    },
  };
}

/** More than an initramfs with everything in it has; a damaged inode may say anything. */
const mostFileBytes = 2 * 1024 ** 3;

interface Inode {
  /** Two files with the same key and the same bytes in these parts are the same; null where its bytes lie somewhere else. */
  readonly key: string | null;
  readonly parts: readonly DiskPart[];
}

/** Reads what `stat` says of a file: its size, and its blocks behind `EXTENTS:`, or `BLOCKS:` where it has a map. Null where it cannot be a file. */
export function inodeOf(
  text: string,
  { startBytes, blockBytes }: { readonly startBytes: number; readonly blockBytes: number },
): Inode | null {
  const size = /^User:.* Size: (\d+)$/m.exec(text)?.[1];
  if (size === undefined || Number(size) > mostFileBytes) return null;
  const blocks = /^(?:EXTENTS|BLOCKS):\n(.*)/ms.exec(text)?.[1];
  if (blocks === undefined) return { key: null, parts: [] };
  // Blocks of the tree itself are among them.
  const parts = [...blocks.matchAll(/\):(\d+)(?:-(\d+))?/g)].map(([, first, last = first]) => ({
    startBytes: startBytes + Number(first) * blockBytes,
    endBytes: startBytes + (Number(last) + 1) * blockBytes,
  }));
  return { key: `${startBytes} ${size} ${blocks}`, parts };
}

/** Lines of `ls -p`: `/inode/mode/user/group/name/size/`. Sorted by name. */
const parseList = (text: string): FileName[] =>
  text
    .split("\n")
    .flatMap((line) => {
      const [, number, name] = /^\/(\d+)\/\d+\/\d+\/\d+\/([^/]+)\//.exec(line) ?? [];
      return name === undefined ? [] : [{ name, number: Number(number) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** More than a journal of any size has. */
const mostBlocks = 16 * 1024 * 1024;

/** Blocks of a file in its order, of lines of `extents -l`: `level/levels entry/entries logical - logical physical - physical length`. */
export function blocksOfExtents(text: string): number[] {
  const blocks: number[] = [];
  for (const [, logical, first, last] of text.matchAll(
    /^ *\d+\/ *\d+ +\d+\/ *\d+ +(\d+) - +\d+ +(\d+) - +(\d+) /gm,
  )) {
    const length = Number(last) - Number(first) + 1;
    if (Number(logical) !== blocks.length || length < 1 || blocks.length + length > mostBlocks)
      return [];
    for (let block = Number(first); block <= Number(last); block++) blocks.push(block);
  }
  return blocks;
}

/** A whole file system is read; minutes where this host has much else to do. */
const checkMs = 600_000;
/** Of what is found wrong; a file system with more than that is told from others by its first lines. */
const mostLines = 1000;

/**
 * What e2fsck(8) finds wrong, one line each; nothing is changed. What a file system that was not unmounted may have (counts that the
 * superblock gets at unmount, files that were open) is left out.
 */
export async function checkExt4(disk: DiskPlace, signal: AbortSignal): Promise<readonly string[]> {
  const args = ["-f", "-n", `${disk.path}?offset=${disk.startBytes}`];
  const said = await askDisk("e2fsck", { args, timeoutMs: checkMs, signal });
  if ("unanswered" in said) return [`e2fsck ${said.unanswered}`];
  // e2fsck(8): 4 is "errors left uncorrected", 8 and above that it could not look.
  if (said.exitCode >= 8) return [`e2fsck ended with ${said.exitCode}: ${said.stderr.slice(-200)}`];
  const found = said.exitCode === 0 ? [] : damageIn(said.stdout).slice(0, mostLines);
  return found.map((line) => `e2fsck: ${line}`);
}

const harmless = [
  /^Pass \d/,
  // A question by itself: what is asked about stands before it.
  /^[\w /+]+\? (?:no|yes)$/,
  /^(?:IGNORED|no)\b/,
  /^(?:Free|Padding) (?:blocks|inodes) count wrong/,
  /(?:orphan|Orphan)/,
  /^Deleted inode \d+ has zero dtime/,
  /^(?:Block|Inode) bitmap differences:/,
  /\*{5,} WARNING/,
  /: \d+\/\d+ files \(/,
  /journal recovery/,
  /^\s*$/,
];

/** The lines of e2fsck's output that tell of damage. */
export const damageIn = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !harmless.some((pattern) => pattern.test(line)))
    .map((line) => line.slice(0, 200));
