/** Folders made one by one. */

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { exists } from "./exists.ts";

/** Makes the folder and those above it. Node 20's own `recursive` tries without end where a folder cannot be, as in /proc. */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await exists(at)) && at !== dirname(at); at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse())
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      // Made by somebody else meanwhile.
      if (error.code !== "EEXIST") throw error;
    });
}
