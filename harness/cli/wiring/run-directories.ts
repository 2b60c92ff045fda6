/** Run directories as people name them. */
import { realpath } from "node:fs/promises";

/** Each directory once, by its first name: `runs/*` also names the link `latest`. */
export async function distinctRuns(directories: readonly string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for (const directory of directories) {
    const real = await realpath(directory).catch(() => directory);
    if (!found.has(real)) found.set(real, directory);
  }
  return [...found.values()];
}
