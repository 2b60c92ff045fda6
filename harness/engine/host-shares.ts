/**
 * What all runs of this user on this host hold of it. Each run keeps one file in the cache, below a folder for the
 * host's boot; a file counts while its process lives, which the kernel knows across containers (`base/owner.ts`).
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { takeLock } from "../base/lock.ts";
import { isOwnerAlive, ownerLabel } from "../base/owner.ts";
import { cacheRoot } from "../base/places.ts";

const amounts = { memoryMiB: z.number(), cpus: z.number(), diskMiB: z.number() };
const cost = z.object({ ...amounts, locks: z.array(z.string()) });
const own = z.object({ group: z.string(), memoryMiB: z.number(), cpus: z.number() });
const sharesFile = z.object({
  /** What the run found the host, and its own container, to have to give when nobody held anything. */
  capacity: z.object({ ...amounts, own: own.optional() }),
  held: z.array(cost),
  /** What has waited so long that nobody who came later may take its room. `since`: milliseconds of the epoch. */
  wished: z.array(z.object({ cost, since: z.number() })),
});

/** What one run holds of the host and wishes for. */
export type Shares = z.infer<typeof sharesFile>;

export interface HostShares {
  /**
   * Shows what the other live runs hold and writes what this one holds then, with nobody in between. Throws HostUnfit
   * where the cache cannot be locked, and the file system's own error.
   */
  exchange(decide: (others: readonly Shares[]) => Shares): Promise<void>;
}

let budgets = 0;

/** The shares of this host. */
export function openHostShares(root = join(cacheRoot(), "shares")): HostShares {
  const name = `${ownerLabel()}-${budgets++}.json`;
  const { signal } = new AbortController();
  return {
    async exchange(decide) {
      const folder = join(root, await bootId());
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await using _lock = await takeLock(join(folder, ".lock"), { signal });
      const mine = decide(await othersIn(folder, name));
      const path = join(folder, name);
      if (mine.held.length + mine.wished.length === 0) await rm(path, { force: true });
      else await writeFile(path, JSON.stringify(mine), { mode: 0o600 });
    },
  };
}

/** The same for all containers of a host (random(4)); another host that shares the cache has a folder of its own. */
const bootId = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();

async function othersIn(folder: string, mine: string): Promise<Shares[]> {
  const found: Shares[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".json") || name === mine) continue;
    const path = join(folder, name);
    const shares = isOwnerAlive(name) ? await readShares(path) : null;
    if (shares === null) await rm(path, { force: true });
    else found.push(shares);
  }
  return found;
}

/** Null for a file that is damaged, as on a full disk: its run holds more than is known then, which slows but harms nobody. */
async function readShares(path: string): Promise<Shares | null> {
  try {
    return sharesFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
