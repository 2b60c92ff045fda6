/** What lies on a shelf of the cache: things, parts of downloads, and drafts that somebody left. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** Sorted; marks and empty folders do not count. */
export async function lyingIn(shelf: string): Promise<string[]> {
  const drafts = await namesIn(join(shelf, ".staging"));
  const things = (await namesIn(shelf)).filter((name) => !name.startsWith("."));
  return [...things, ...drafts.map((name) => `draft ${name}`)].sort();
}
