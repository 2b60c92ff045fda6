/**
 * What all runs of this user on this host hold of it. Each run keeps one file in the cache, below a folder for the
 * host's boot; a file counts while its process lives, which the kernel knows across containers (`base/owner.ts`).
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BootgateError, HostUnfit, messageOf } from "../base/errors.ts";
import { takeLock } from "../base/lock.ts";
import { isFullDisk, noSpaceInCache } from "../base/no-space.ts";
import { isOwnerAlive, ownerLabel } from "../base/owner.ts";
import { cacheRoot } from "../base/places.ts";
import { removeDeadDrafts, writeWhole } from "../base/write-whole.ts";

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
   * Shows what the other live runs hold and writes what this one holds then, with nobody in between. Null: one of them
   * holds what cannot be read, so all may be taken. Throws HostUnfit where that cannot be done; the others see then what
   * this run told before, so nothing may begin that they were not told of. Rejects with the signal's reason when it is aborted.
   */
  exchange(
    decide: (others: readonly Shares[] | null) => Shares,
    signal: AbortSignal,
  ): Promise<void>;
}

let budgets = 0;
/**
 * How long another run may be at its turn, which takes milliseconds: one that is stopped in the middle of it, by Ctrl-Z or `docker
 * pause`, must not hold all others without a word. Milliseconds.
 */
const turnMs = 120_000;

/** The shares of this host. */
export function openHostShares(
  root = join(cacheRoot(), "shares"),
  { longestTurnMs = turnMs }: { readonly longestTurnMs?: number } = {},
): HostShares {
  const name = `${ownerLabel()}-${budgets++}.json`;
  return {
    async exchange(decide, stop) {
      const late = AbortSignal.timeout(longestTurnMs);
      const signal = AbortSignal.any([stop, late]);
      let holder = "another process";
      const onWait = (who: string): void => {
        holder = who;
      };
      try {
        const folder = join(root, await bootId());
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await using _lock = await takeLock(join(folder, ".lock"), { signal, onWait });
        const mine = decide(await othersIn(folder, name));
        const path = join(folder, name);
        if (mine.held.length + mine.wished.length === 0) await rm(path, { force: true });
        else await writeWhole(path, JSON.stringify(mine), 0o600);
      } catch (error) {
        stop.throwIfAborted();
        if (late.aborted) throw stands(holder);
        throw error instanceof BootgateError ? error : untold(root, error);
      }
    },
  };
}

const stands = (holder: string): HostUnfit =>
  new HostUnfit("Another run on this host has stopped where it keeps all others waiting.", {
    details: {
      holder,
      "to do":
        "let it go on (it may have been stopped by Ctrl-Z, or its container paused), or end it",
    },
  });

function untold(root: string, cause: unknown): HostUnfit {
  const headline = "Other runs on this host cannot be told what this one takes of it";
  const reason = messageOf(cause);
  if (isFullDisk(cause))
    return noSpaceInCache(root, `${headline}: the disk is full.`, { reason }, cause);
  const toDo = `see who may read and write '${root}', or set XDG_CACHE_HOME to another folder`;
  return new HostUnfit(`${headline}.`, { details: { reason, "to do": toDo }, cause });
}

/** The same for all containers of a host (random(4)); another host that shares the cache has a folder of its own. */
const bootId = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();

async function othersIn(folder: string, mine: string): Promise<Shares[] | null> {
  await removeDeadDrafts(folder);
  const found: (Shares | null)[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".json") || name === mine) continue;
    const path = join(folder, name);
    if (isOwnerAlive(name)) found.push(readShares(await readFile(path, "utf8")));
    else await rm(path, { force: true });
  }
  return found.some((shares) => shares === null) ? null : found.filter((shares) => shares !== null);
}

/** Null for what is damaged, or of another version: its run lives and holds nobody knows what. */
function readShares(text: string): Shares | null {
  try {
    return sharesFile.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
