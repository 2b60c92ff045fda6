/**
 * The files of a disk from which a composefs root is made: the object of a file, the image of a deployment,
 * and the check of all. Facts: ostree, `src/libostree/ostree-repo.c` (names of objects) and `src/ostree/ot-builtin-fsck.c`, seen with 2026.4.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptEnd } from "../excerpt.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import { objectCommands } from "../object-commands.ts";
import type { Backend } from "./backend.ts";
import { createOstree, deploymentPath } from "./ostree.ts";

/** A file of /usr, and where its content lies. */
export interface FileObject {
  /** As the system sees it. */
  readonly path: string;
  /** By which ostree knows the object. The composefs backend names it by its fs-verity digest. */
  readonly checksum: string;
  readonly object: string;
  readonly bytes: number;
}

export interface FsckResult {
  readonly isClean: boolean;
  /** Checksums of objects that are damaged or missing. */
  readonly damaged: readonly string[];
  /** Those of them that are missing. */
  readonly missing: readonly string[];
  /** What it said, to be quoted. */
  readonly said: string;
}

export interface ObjectsReader {
  /**
   * Small files of the booted deployment that nothing reads once the system is up, at most so many, each with an object of its own. First
   * come those that btrfs keeps neither in its own metadata (up to 2048 bytes, btrfs(5)) nor compressed, which saves nothing of one block.
   */
  smallFiles(backend: Backend, most: number): Promise<readonly FileObject[]>;
  /** The image of the booted deployment's root, `.ostree.cfs`; null where there is none. */
  deployedImage(): Promise<string | null>;
  /** `ostree fsck --all`: reads every object. Throws ExpectationFailed where it fails and names nothing. */
  fsck(): Promise<FsckResult>;
  /**
   * Whether the booted system shows all of these files as the names of their objects say: then the content is whole and the objects have other attributes.
   * The root's own image has a file's owner, mode and extended attributes (composefs), and an object has them besides.
   */
  areShownRight(checksums: readonly string[]): Promise<boolean>;
}

/** `ostree ls --checksum`: a regular file's mode, owner, size, checksum, path. */
const listed = /^-\d{5} +\d+ +\d+ +(\d+) +([0-9a-f]{64}) (\/.+)$/;

/** A regular file or a link of the same listing, and its path. */
const placed = /^[-l]\d{5} +\d+ +\d+ +\d+ +([0-9a-f]{64}) (\/.+?)(?: -> .*)?$/;

/** Checksum → path, of a listing. */
export const parsePlaces = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("\n").flatMap((line) => {
      const [, checksum, path] = placed.exec(line) ?? [];
      return checksum === undefined || path === undefined ? [] : [[checksum, path] as const];
    }),
  );

/** More objects than these are not looked at one by one. */
const lookAtMost = 50;

/** Those first that have one block of 4096 bytes, which btrfs keeps neither in its metadata nor compressed; as they were otherwise. */
const byFitness = <F extends { readonly bytes: number }>(files: readonly F[]): F[] => {
  const fits = ({ bytes }: F): boolean => bytes > 2048 && bytes <= 4096;
  return [...files.filter(fits), ...files.filter((file) => !fits(file))];
};

/** The files of a listing that are small, and large enough not to stand in the image itself. */
export function parseSmallFiles(text: string): FileObject[] {
  const files = text.split("\n").flatMap((line) => {
    const [, size, checksum, path] = listed.exec(line) ?? [];
    if (checksum === undefined || path === undefined) return [];
    const bytes = Number(size);
    if (bytes < 128 || bytes > 256 * 1024) return [];
    const object = `/sysroot/ostree/repo/objects/${checksum.slice(0, 2)}/${checksum.slice(2)}.file`;
    return [{ path, checksum, object, bytes }];
  });
  const isFirst = ({ checksum }: FileObject, at: number): boolean =>
    files.findIndex((file) => file.checksum === checksum) === at;
  return byFitness(files.filter(isFirst));
}

/** Reads `objectCommands.smallFiles`. */
const parseSizes = (text: string): { readonly path: string; readonly bytes: number }[] =>
  byFitness(
    text.split("\n").flatMap((line) => {
      const [, bytes, path] = /^(\d+) (\/.+)$/.exec(line) ?? [];
      return path === undefined ? [] : [{ path, bytes: Number(bytes) }];
    }),
  );

/** Seen with 2026.4: `In commits C: fsck content object O: Corrupted file object`, `Object missing in commits C: O.file`. */
const damagedWords =
  /^(?:error: )?In commits [^:]{1,8000}: fsck \w+ object ([0-9a-f]{64})|^Object missing in commits [^:]{1,8000}: ([0-9a-f]{64})\./gm;

const unique = (words: readonly string[]): string[] => [...new Set(words)];

/** Reads what `ostree fsck` printed. */
export function parseFsck(stdout: string, stderr: string, exitCode: number | null): FsckResult {
  const said = excerptEnd(`${stdout}\n${stderr}`.trim(), 2000);
  const found = [...stderr.matchAll(damagedWords)];
  const damaged = unique(found.map(([, one, other]) => one ?? other ?? ""));
  const missing = unique(found.flatMap(([, , other]) => other ?? []));
  const isClean = exitCode === 0 && /completed successfully - no errors found/.test(stdout);
  return { isClean, damaged, missing, said };
}

/** Where an image has rules that are read while it boots only. */
const rules = ["/usr/lib/tmpfiles.d", "/usr/lib/udev/rules.d"];

const objectName = /^\/sysroot\/composefs\/objects\/([0-9a-f]{2})\/([0-9a-f]{62,126})$/;

/** With hardware acceleration: some gigabytes are read. */
const fsckMs = 300_000;

/** The objects of a guest that ostree deployed. */
export function objectsOf(io: GuestIo): ObjectsReader {
  const { booted } = createOstree(io);
  /** What a command prints of each folder that the image has. */
  const ofRules = async (command: (folder: string) => string): Promise<string> => {
    let text = "";
    for (const folder of rules)
      if ((await io.exec(commands.isFolder(folder))).exitCode === 0)
        text += (await mustExec(io, command(folder))).stdout;
    return text;
  };
  return {
    async smallFiles(backend, most) {
      if (backend === "composefs") {
        const found = new Map<string, FileObject>();
        for (const file of parseSizes(await ofRules(objectCommands.smallFiles))) {
          if (found.size === most) break;
          const object = (await mustExec(io, objectCommands.objectLike(file.path))).stdout.trim();
          const [, folder, rest] = objectName.exec(object) ?? [];
          const checksum = `${folder}${rest}`;
          if (folder !== undefined) found.set(object, { ...file, object, checksum });
        }
        return [...found.values()];
      }
      const checksum = (await booted())?.checksum;
      if (checksum === undefined) return [];
      const listing = await ofRules((folder) => objectCommands.ostreeList(checksum, folder));
      return parseSmallFiles(listing).slice(0, most);
    },
    async deployedImage() {
      const deployment = await booted();
      if (deployment === undefined) return null;
      const path = `/sysroot${deploymentPath(deployment)}/.ostree.cfs`;
      const { exitCode } = await io.exec(commands.isFile(path));
      return exitCode === 0 ? path : null;
    },
    async fsck() {
      const result = await io.exec(objectCommands.ostreeFsck, { timeoutMs: fsckMs * io.timeScale });
      const found = parseFsck(result.stdout, result.stderr, result.exitCode);
      if (found.isClean || found.damaged.length > 0) return found;
      if (result.exitCode === 127) requireSuccess(io, result);
      throw new ExpectationFailed(`'ostree fsck' in guest '${io.name}' does not find it clean.`, {
        details: { "exit code": String(result.exitCode), said: found.said },
        lookAt: io.lookAt,
      });
    },
    async areShownRight(checksums) {
      const commit = (await booted())?.checksum;
      if (commit === undefined || checksums.length === 0 || checksums.length > lookAtMost)
        return false;
      const { stdout } = await mustExec(io, objectCommands.ostreePlaces(commit, checksums));
      const places = parsePlaces(stdout);
      for (const checksum of checksums) {
        const path = places.get(checksum);
        if (path === undefined) return false;
        const shown = await io.exec(objectCommands.ostreeChecksum(path));
        if (shown.exitCode !== 0 || shown.stdout.trim() !== checksum) return false;
      }
      return true;
    },
  };
}
