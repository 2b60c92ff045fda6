/**
 * Where the boards of a host are kept: one folder for all users and all caches, since a board stands on the desk once. Each board has
 * a folder in it that every user may write to, with the file that a lease locks and what is known of the board's health.
 */

import { constants } from "node:fs";
import { chmod, mkdir, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { HostUnfit, messageOf } from "../../../base/errors.ts";

/** Survives a restart, and is everybody's (file-hierarchy(7), /var/tmp). `BOOTGATE_BOARDS` names another folder. The keeper runs in another folder than its command. */
export const leasesRoot = (): string => {
  const named = process.env.BOOTGATE_BOARDS ?? "";
  return named === "" ? "/var/tmp/bootgate-boards" : resolve(named);
};

/** The folder of a board, made where it is missing. Throws HostUnfit where it cannot be made. */
export async function boardFolder(board: string): Promise<string> {
  const root = leasesRoot();
  const folder = join(root, board);
  try {
    await makeOpen(root, 0o1777);
    await makeOpen(folder, 0o777);
    return folder;
  } catch (cause) {
    throw new HostUnfit(`The folder '${folder}' for the leases of boards cannot be made.`, {
      cause,
      details: {
        reason: messageOf(cause),
        "to do": "set BOOTGATE_BOARDS to a folder that all users of the boards may write to",
      },
    });
  }
}

/** The umask does not count: others have to be able to write there, too. */
async function makeOpen(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  await chmod(folder, mode);
}

/** The file that a lease locks. It is never removed, so that two users cannot hold locks of two files by one name. */
export async function leaseFile(board: string): Promise<string> {
  const path = join(await boardFolder(board), "lease");
  try {
    const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o666);
    await file.chmod(0o666);
    await file.close();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST")
      throw new HostUnfit(`The lease '${path}' cannot be made: ${messageOf(cause)}.`, { cause });
  }
  return path;
}
