/** The directory of a run, below the folder that holds those of all runs. */
import { rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, messageOf, UsageError } from "../base/errors.ts";
import { makeFolder } from "../base/make-folder.ts";
import { isFullDisk } from "../base/no-space.ts";

/** Makes `OUT/ID`, and has `OUT/latest` name it. Throws as `unusableOut` says. */
export async function makeRunDirectory(outDirectory: string, id: string): Promise<string> {
  const directory = join(outDirectory, id);
  try {
    await makeFolder(directory);
    await pointLatest(outDirectory, id);
  } catch (error) {
    throw unusableOut(outDirectory, error);
  }
  return directory;
}

/** One sentence about a folder that cannot hold run directories: the host's fault where its disk is full, else the caller's. */
export function unusableOut(path: string, error: unknown): HostUnfit | UsageError {
  const headline = `The folder '${path}' cannot hold run directories: ${messageOf(error)}.`;
  if (!isFullDisk(error)) return new UsageError(headline, { cause: error });
  const details = {
    "to do": `free space on the disk that holds '${path}', or name another folder`,
  };
  return new HostUnfit(headline, { details, cause: error });
}

/** `runs/latest` always names the newest run; renamed into place so that it never is missing. */
async function pointLatest(outDirectory: string, id: string): Promise<void> {
  const draft = join(outDirectory, `.latest-${id}`);
  await symlink(id, draft);
  await rename(draft, join(outDirectory, "latest")).catch(() => rm(draft, { force: true }));
}
