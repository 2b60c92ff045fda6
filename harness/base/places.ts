/** Where bootgate keeps things: data on a file system for data, sockets where their paths are short, both for their owner only. */
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  type Stats,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { HostUnfit, messageOf } from "./errors.ts";
import { makeFolder } from "./make-folder.ts";
import { homeFolder, userId } from "./user.ts";

/** `$XDG_CACHE_HOME/bootgate` (XDG base directory specification). Throws HostUnfit for a user without a home. */
export function cacheRoot(): string {
  const base = process.env.XDG_CACHE_HOME ?? "";
  if (base !== "") return join(base, "bootgate");
  const home = homeFolder();
  if (home !== null) return join(home, ".cache", "bootgate");
  throw new HostUnfit(`The user ${userId()} does not have a home folder.`, {
    details: { "to do": "set XDG_CACHE_HOME to a folder that can be written to" },
  });
}

/**
 * The folder under which the data of all workspaces of this user lies: overlays, registries, variable stores. It is in
 * the cache, since the temporary folder is memory on Fedora and others (tmpfs, file-hierarchy(7)).
 */
export const workspaceRoot = (): string => join(cacheRoot(), "work");

/** A path of a UNIX socket has at most 107 bytes (unix(7)); this much of it is kept for what stands below the base. */
const longestBase = 107 - "/bootgate-sockets-4294967295/4194304-281474976710655-XXXXXX/qmp".length;

/**
 * The folder for sockets: in `$XDG_RUNTIME_DIR` where that is usable, else in the temporary folder, else in `/tmp`.
 * Throws HostUnfit when none can be written to.
 */
export function socketRoot(): string {
  const bases = [process.env.XDG_RUNTIME_DIR ?? "", tmpdir(), "/tmp"];
  const base = bases.find((path) => path !== "" && takesSockets(path));
  if (base === undefined)
    throw new HostUnfit("A folder in which sockets could be made does not exist.", {
      details: {
        tried: bases.filter((path) => path !== "").join(", "),
        "to do": `set TMPDIR to a folder whose path has at most ${longestBase} bytes`,
      },
    });
  return join(base, `bootgate-sockets-${userId()}`);
}

/** A runtime directory that `sudo` or a container passed on may be somebody else's, or not be there. */
function takesSockets(base: string): boolean {
  if (Buffer.byteLength(base) > longestBase) return false;
  try {
    accessSync(base, constants.W_OK | constants.X_OK);
    return statSync(base).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Makes the cache and closes it to others: a file that somebody else put in the place of a disk or a key would be used.
 * Folders that a umask left open to the user's group (002, the default of many systems) are closed. Throws HostUnfit where
 * one belongs to somebody else but root, where anybody may write to it, and where this user may not: after a run as root
 * with this user's home. Whatever opens the cache asks first.
 */
export async function requireCache(path = cacheRoot()): Promise<void> {
  await makeFolder(path).catch((cause: unknown) => {
    throw new HostUnfit(`The cache folder '${path}' cannot be made: ${messageOf(cause)}.`, {
      details: { "to do": "set XDG_CACHE_HOME to a folder that can be written to" },
      cause,
    });
  });
  closeFolder(path);
  requireOpen(path);
  for (const kind of foldersIn(path)) {
    closeFolder(kind);
    requireOpen(kind);
    for (const thing of foldersIn(kind)) closeFolder(thing);
  }
}

function requireOpen(path: string): void {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return;
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new HostUnfit(`The folder '${path}' cannot be written to by user ${userId()}.`, {
      details: {
        reason: messageOf(cause),
        owner: `user ${facts.uid}`,
        "to do": `give it to the user who runs bootgate (sudo chown -R ${userId()} '${path}'), or set XDG_CACHE_HOME to another folder`,
      },
      cause,
    });
  }
}

/** Folders in a folder; none where it cannot be read, or has gone meanwhile. */
function foldersIn(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  } catch {
    return [];
  }
}

/**
 * Makes a folder for this user alone, and checks one that is there. Throws HostUnfit when it is a link, belongs to
 * somebody else or can be written to by others: they could put files in the place of ours.
 */
export async function requirePrivateFolder(path: string): Promise<string> {
  try {
    await makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw new HostUnfit(`The folder '${path}' cannot be made.`, {
        cause: error,
        details: { reason: messageOf(error) },
      });
  }
  refuseShared(path, lstatSync(path));
  return path;
}

/** Takes the group's right to write away where nothing else is wrong with the folder. A folder that has gone meanwhile needs nothing. */
function closeFolder(path: string): void {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return;
  const isOpen = (facts.mode & 0o022) !== 0;
  // Trees that root built here for this user are root's.
  if (facts.isDirectory() && facts.uid === 0 && !isOpen) return;
  if (facts.isDirectory() && facts.uid === userId() && (facts.mode & 0o022) === 0o020)
    chmodSync(path, facts.mode & 0o7755);
  else refuseShared(path, facts);
}

function refuseShared(path: string, facts: Stats): void {
  const trouble = !facts.isDirectory()
    ? "is not a folder"
    : facts.uid !== userId()
      ? `belongs to user ${facts.uid}, not to user ${userId()}`
      : (facts.mode & 0o022) !== 0
        ? `can be written to by others (mode ${(facts.mode & 0o7777).toString(8)})`
        : null;
  if (trouble === null) return;
  throw new HostUnfit(`The folder '${path}' ${trouble}, so it cannot hold what runs use.`, {
    details: { "to do": `see who made it, then remove it; or set XDG_CACHE_HOME or TMPDIR` },
  });
}
