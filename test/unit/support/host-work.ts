/** Work that takes a share of a host, and a small host that it is taken from. */
import { HostBudget } from "../../../harness/engine/schedule.ts";

/** One processor and 10 MiB of disk, with this memory and these locks. */
export const cost = (memoryMiB: number, locks: readonly string[] = []) => ({
  ...{ memoryMiB, cpus: 1, diskMiB: 10 },
  locks: [...locks],
});

/** 3000 MiB of memory, 4 processors and 1000 MiB of disk. */
export const budget = (): HostBudget => new HostBudget({ memoryMiB: 3000, cpus: 4, diskMiB: 1000 });

/** Whether somebody who waits has been let in by now. */
export async function isAdmitted(take: Promise<unknown>): Promise<boolean> {
  const tick = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([take.then(() => true as const), tick]);
}
