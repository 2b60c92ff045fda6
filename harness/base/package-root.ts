/**
 * The folder of the package, found from where this module runs: the sources, or the compiled copy below them. Data
 * that is not code (catalogue, parts of the reference OS) is read from the sources by both, so a cache key is the same.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

function findRoot(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("bootgate's own package.json is missing.");
  return findRoot(parent);
}

/** Absolute path of the folder with bootgate's package.json. */
export const packageRoot = findRoot(import.meta.dirname);
