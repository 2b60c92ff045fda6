/**
 * The files of a disk from which a composefs root is made: the object of a file, the image of a deployment,
 * and the check of all. Facts: ostree, `src/libostree/ostree-repo.c` (names of objects) and `src/ostree/ot-builtin-fsck.c`, seen with 2026.4.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptEnd } from "../excerpt.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import type { Backend } from "./backend.ts";
import { createOstree } from "./ostree.ts";

/** A file of /usr, and where its content lies. */
export interface FileObject {
  /** As the system sees it. */
  readonly path: string;
  /** By which ostree knows the object. The composefs backend names it by its fs-verity digest. */
  readonly checksum: string;
  readonly object: string;
}

export interface FsckResult {
  readonly isClean: boolean;
  /** Checksums of objects that are damaged or missing. */
  readonly damaged: readonly string[];
  /** What it said, to be quoted. */
  readonly said: string;
}

export interface ObjectsReader {
  /** A small file of the booted deployment that nothing reads once the system is up; null where there is none. */
  smallFile(backend: Backend): Promise<FileObject | null>;
  /** The image of the booted deployment's root, `.ostree.cfs`; null where there is none. */
  deployedImage(): Promise<string | null>;
  /** `ostree fsck --all`: reads every object. Throws ExpectationFailed where it fails and names nothing. */
  fsck(): Promise<FsckResult>;
}

/** `ostree ls --checksum`: a regular file's mode, owner, size, checksum, path. */
const listed = /^-\d{5} +\d+ +\d+ +(\d+) +([0-9a-f]{64}) (\/.+)$/;

/** The first file of a listing that is small, and large enough not to stand in the image itself. */
export function parseSmallFile(text: string): FileObject | null {
  for (const line of text.split("\n")) {
    const [, size, checksum, path] = listed.exec(line) ?? [];
    if (checksum === undefined || path === undefined) continue;
    if (Number(size) < 128 || Number(size) > 256 * 1024) continue;
    const object = `/sysroot/ostree/repo/objects/${checksum.slice(0, 2)}/${checksum.slice(2)}.file`;
    return { path, checksum, object };
  }
  return null;
}

/** Seen with 2026.4: `In commits C: fsck content object O: Corrupted file object`, `Object missing in commits C: O.file`. */
const damagedWords =
  /^(?:error: )?In commits [^:]{1,8000}: fsck \w+ object ([0-9a-f]{64})|^Object missing in commits [^:]{1,8000}: ([0-9a-f]{64})\./gm;

/** Reads what `ostree fsck` printed. */
export function parseFsck(stdout: string, stderr: string, exitCode: number | null): FsckResult {
  const said = excerptEnd(`${stdout}\n${stderr}`.trim(), 2000);
  const damaged = [...stderr.matchAll(damagedWords)].map(([, one, other]) => one ?? other ?? "");
  const isClean = exitCode === 0 && /completed successfully - no errors found/.test(stdout);
  return { isClean, damaged: [...new Set(damaged)], said };
}

/** Where an image has rules that are read while it boots only. */
const rules = "/usr/lib/tmpfiles.d";

const objectName = /^\/sysroot\/composefs\/objects\/([0-9a-f]{2})\/([0-9a-f]{62,126})$/;

/** With hardware acceleration: some gigabytes are read. */
const fsckMs = 300_000;

/** The objects of a guest that ostree deployed. */
export function objectsOf(io: GuestIo): ObjectsReader {
  const booted = async () =>
    (await createOstree(io).deployments()).find((deployment) => deployment.booted);
  return {
    async smallFile(backend) {
      if (backend === "composefs") {
        const path = (await mustExec(io, commands.smallFile(rules))).stdout.trim();
        if (path === "") return null;
        const object = (await mustExec(io, commands.objectLike(path))).stdout.trim();
        const [, folder, rest] = objectName.exec(object) ?? [];
        return folder === undefined ? null : { path, object, checksum: `${folder}${rest}` };
      }
      const checksum = (await booted())?.checksum;
      if (checksum === undefined) return null;
      const { stdout } = await mustExec(io, commands.ostreeList(checksum, rules));
      return parseSmallFile(stdout);
    },
    async deployedImage() {
      const deployment = await booted();
      if (deployment === undefined) return null;
      const { stateroot, checksum, serial } = deployment;
      const path = `/sysroot/ostree/deploy/${stateroot}/deploy/${checksum}.${serial}/.ostree.cfs`;
      const { exitCode } = await io.exec(commands.isFile(path));
      return exitCode === 0 ? path : null;
    },
    async fsck() {
      const result = await io.exec(commands.ostreeFsck, { timeoutMs: fsckMs * io.timeScale });
      const found = parseFsck(result.stdout, result.stderr, result.exitCode);
      if (found.isClean || found.damaged.length > 0) return found;
      if (result.exitCode === 127) requireSuccess(io, result);
      throw new ExpectationFailed(`'ostree fsck' in guest '${io.name}' does not find it clean.`, {
        details: { "exit code": String(result.exitCode), said: found.said },
        lookAt: io.lookAt,
      });
    },
  };
}
