/**
 * What a host has to give to guests, as one process sees it, and what fits into it. Runs in several containers of a host
 * share the host, and each has a limit of its own besides, which it shares only with the runs in the same container.
 */
import { readFile, statfs } from "node:fs/promises";
import { cpus } from "node:os";
import { HostUnfit } from "../base/errors.ts";
import type { HostCost } from "../machine/machine.ts";
import { cgroupLimits, memoryGroup, usableProcessors } from "./cgroup-limits.ts";

export interface HostCapacity {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly diskMiB: number;
  /** What this process may use of it, where it is known: its control group may have less, or its container shows less of the host. */
  readonly own?: OwnLimit | undefined;
}

export interface OwnLimit {
  /** Who has the same name shares this limit. */
  readonly group: string;
  readonly memoryMiB: number;
  readonly cpus: number;
}

const reserveMiB = 512;

/**
 * What may be given to guests: free memory of the host, and of the container, less a reserve, free disk less one GiB, twice
 * the processors (guests idle a lot). `directory` is where overlays go.
 */
export async function measureHost(directory: string): Promise<HostCapacity> {
  const meminfo = await readFile("/proc/meminfo", "utf8");
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  const availableMiB = Math.floor(kibibytes("MemAvailable") / 1024);
  const { memoryMiB: leftMiB } = await cgroupLimits();
  const disk = await statfs(directory);
  return {
    memoryMiB: availableMiB - reserveMiB,
    cpus: cpus().length * 2,
    diskMiB: Math.floor((disk.bavail * disk.bsize) / (1024 * 1024)) - 1024,
    own: {
      // Some containers show a /proc/meminfo of their own: who sees another total is in another one.
      group: `${await memoryGroup()}/${kibibytes("MemTotal")}`,
      memoryMiB: Math.min(availableMiB, leftMiB ?? Number.POSITIVE_INFINITY) - reserveMiB,
      cpus: (await usableProcessors()) * 2,
    },
  };
}

/** What one guest alone could have. */
export const memoryToGive = ({ memoryMiB, own }: HostCapacity): number =>
  Math.min(memoryMiB, own?.memoryMiB ?? Number.POSITIVE_INFINITY);

/** A run that began while others held much found less than the host has: what the first one found counts, and of its own limit only what somebody in the same group found. */
export const larger = (one: HostCapacity, other: HostCapacity): HostCapacity => ({
  memoryMiB: Math.max(one.memoryMiB, other.memoryMiB),
  cpus: Math.max(one.cpus, other.cpus),
  diskMiB: Math.max(one.diskMiB, other.diskMiB),
  own: largerOwn(one.own, other.own),
});

function largerOwn(one: OwnLimit | undefined, other: OwnLimit | undefined): OwnLimit | undefined {
  if (one === undefined || one.group !== other?.group) return one;
  return {
    group: one.group,
    memoryMiB: Math.max(one.memoryMiB, other.memoryMiB),
    cpus: Math.max(one.cpus, other.cpus),
  };
}

/** A cost with the group of who bears it; null: of this process, or not known. */
export interface BorneCost extends HostCost {
  readonly group?: string | null | undefined;
}

export interface Taken {
  /** What guests have now. */
  readonly held: readonly BorneCost[];
  /** What is kept for somebody besides. */
  readonly promised: readonly BorneCost[];
}

/** Whether this process may have the cost now. A guest may have more processors than there are to give when no other guest runs. */
export function fits(cost: HostCost, { held, promised }: Taken, capacity: HostCapacity): boolean {
  const kept = [...held, ...promised];
  const { own } = capacity;
  if (!fitsInto(cost, held, kept, capacity)) return false;
  const isOurs = ({ group = null }: BorneCost): boolean => group === null || group === own?.group;
  return (
    own === undefined ||
    fitsInto(cost, held.filter(isOurs), kept.filter(isOurs), { ...capacity, ...own })
  );
}

function fitsInto(
  cost: HostCost,
  held: readonly HostCost[],
  kept: readonly HostCost[],
  capacity: Pick<HostCapacity, "memoryMiB" | "cpus" | "diskMiB">,
): boolean {
  const sum = (of: (one: HostCost) => number): number =>
    kept.reduce((total, one) => total + of(one), of(cost));
  const isAlone = held.every(({ memoryMiB }) => memoryMiB === 0);
  return (
    sum(({ memoryMiB }) => memoryMiB) <= capacity.memoryMiB &&
    sum(({ diskMiB }) => diskMiB) <= capacity.diskMiB &&
    (isAlone || sum(({ cpus }) => cpus) <= capacity.cpus)
  );
}

/** Why the cost can never be had; null where it can. */
export function whyNever(cost: HostCost, capacity: HostCapacity): HostUnfit | null {
  const memoryMiB = memoryToGive(capacity);
  const { diskMiB } = capacity;
  if (cost.memoryMiB > memoryMiB) {
    return new HostUnfit(
      `The job needs ${cost.memoryMiB} MiB of memory for its guests and the host has ${Math.max(0, memoryMiB)} MiB to give.`,
      { lookAt: "npm run -s bootgate -- doctor" },
    );
  }
  if (cost.diskMiB > diskMiB) {
    return new HostUnfit(
      `The job needs up to ${cost.diskMiB} MiB of disk for its guests and ${Math.max(0, diskMiB)} MiB are free.`,
      { lookAt: "npm run -s bootgate -- clean" },
    );
  }
  return null;
}

/** What a job with several guests takes: it holds each lock once. */
export const costOfGuests = (cost: HostCost, guests: number): HostCost => ({
  memoryMiB: cost.memoryMiB * guests,
  cpus: cost.cpus * guests,
  diskMiB: cost.diskMiB * guests,
  locks: cost.locks,
});
