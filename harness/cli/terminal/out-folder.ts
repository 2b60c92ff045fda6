/** Folders that a command is told to write to: looked at before any work is done. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Looks only, and makes nothing: a command that ends over another word of its line must leave no folder behind. Throws
 * what `unusable` makes of the reason where no folder can be.
 */
export async function requireFolder(
  path: string,
  unusable: (reason: unknown) => Error,
): Promise<void> {
  for (let at = path; ; at = dirname(at)) {
    const facts = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" && at !== dirname(at)) return null;
      throw unusable(error);
    });
    if (facts === null) continue;
    if (!facts.isDirectory()) throw unusable(new Error(`'${at}' is not a folder`));
    await access(at, constants.W_OK | constants.X_OK).catch((error: unknown) => {
      throw unusable(error);
    });
    return;
  }
}
