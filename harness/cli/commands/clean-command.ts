/** `bootgate clean`: removes what killed runs left behind, and caches when asked. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheRoot, removeDeadWorkspaces } from "../../base/workspace.ts";

/** Where images are kept: built, unpacked, installed, fetched. */
const imageFolders = [
  "reference",
  "disks",
  "built-disks",
  "oci",
  "derived",
  "downloads",
  "digests.json",
];

/** Removes and says what. Caches in use by a live run are safe to remove only when no run is going on. */
export async function clean(options: {
  readonly templates?: boolean;
  readonly images?: boolean;
}): Promise<void> {
  const removed = await removeDeadWorkspaces();
  const folders = [
    ...(options.templates === true ? ["templates"] : []),
    ...(options.images === true ? imageFolders : []),
  ].map((name) => join(cacheRoot(), name));
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  for (const path of [...removed, ...folders]) process.stdout.write(`removed ${path}\n`);
  if (removed.length + folders.length === 0) process.stdout.write("Nothing was left behind.\n");
}
