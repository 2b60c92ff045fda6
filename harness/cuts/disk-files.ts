/**
 * Reads files of an ext4 file system in a raw disk, without root and without a mount: by debugfs(8), which replays no journal and opens
 * the disk for reading only. What is read comes from a disk that was cut, so a name that is odd is one that is not there.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "../base/hash-file.ts";
import { attemptCommand } from "../base/process.ts";

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

const limits = { timeoutMs: 60_000, maxBytes: 4 * 1024 * 1024 } as const;

/** Files of the file system that begins at a place of a raw disk. `scratch` is a folder for what is read on its way. */
export function ext4Files(
  disk: { readonly path: string; readonly startBytes: number },
  scratch: string,
  signal: AbortSignal,
): DiskFiles {
  const device = `${disk.path}?offset=${disk.startBytes}`;
  const ask = async (request: string): Promise<{ stdout: string; isThere: boolean }> => {
    const said = await attemptCommand("debugfs", ["-R", request, device], { ...limits, signal });
    // It greets on its error output and ends with 0 whatever it was asked for.
    const lines = said.stderr.split("\n").filter((line) => !/^debugfs \d/.test(line));
    return { stdout: said.stdout, isThere: said.exitCode === 0 && lines.join("").trim() === "" };
  };
  return {
    async list(path) {
      if (!isPlain(path)) return null;
      const { stdout, isThere } = await ask(`ls -p "${path}"`);
      return isThere ? parseList(stdout).filter(({ name }) => !/^\.{1,2}$/.test(name)) : null;
    },
    async text(path) {
      if (!isPlain(path)) return null;
      const { stdout, isThere } = await ask(`cat "${path}"`);
      return isThere ? stdout : null;
    },
    async hash(path) {
      if (!isPlain(path)) return null;
      const copy = join(scratch, "file");
      await rm(copy, { force: true });
      const { isThere } = await ask(`dump "${path}" "${copy}"`);
      return isThere ? hashFile(copy, signal) : null;
    },
    async folder(path) {
      if (!isPlain(path)) return null;
      // The dot follows a link at the end of the path.
      const { stdout, isThere } = await ask(`ls -p "${path}/."`);
      return isThere ? (parseList(stdout).find(({ name }) => name === ".")?.number ?? null) : null;
    },
  };
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

/**
 * What e2fsck(8) finds wrong, one line each; nothing is changed. What a file system that was not unmounted may have (counts that the
 * superblock gets at unmount, files that were open) is left out.
 */
export async function checkExt4(
  disk: { readonly path: string; readonly startBytes: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const device = `${disk.path}?offset=${disk.startBytes}`;
  const said = await attemptCommand("e2fsck", ["-f", "-n", device], {
    ...{ timeoutMs: 600_000, maxBytes: limits.maxBytes, signal },
    env: { LC_ALL: "C" },
  });
  // e2fsck(8): 4 is "errors left uncorrected", 8 and above that it could not look.
  if (said.exitCode >= 8) return [`e2fsck ended with ${said.exitCode}: ${said.stderr.slice(-200)}`];
  return said.exitCode === 0 ? [] : damageIn(said.stdout).map((line) => `e2fsck: ${line}`);
}

const harmless = [
  /^Pass \d/,
  /^(?:Fix|Clear|Continue|IGNORED|no)\b/,
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
