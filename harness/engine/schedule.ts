/**
 * Admission of jobs by what the host has. p-queue keeps the order and the number of jobs; it knows no weights, so this
 * budget holds a job back until its memory, processors and disk fit and no one else holds its locks.
 */
import { readFile, statfs } from "node:fs/promises";
import { HostUnfit } from "../base/errors.ts";
import type { HostCost } from "../machine/machine.ts";

export interface HostCapacity {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly diskMiB: number;
}

/**
 * What may be given to guests: free memory less a reserve for the host, free disk less one GiB, twice the processors
 * (guests idle a lot). `directory` is where overlays go.
 */
export async function measureHost(directory: string, processors: number): Promise<HostCapacity> {
  const meminfo = await readFile("/proc/meminfo", "utf8");
  const availableKiB = Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0);
  const disk = await statfs(directory);
  return {
    memoryMiB: Math.floor(availableKiB / 1024 - 512),
    cpus: processors * 2,
    diskMiB: Math.floor((disk.bavail * disk.bsize) / (1024 * 1024)) - 1024,
  };
}

interface Waiter {
  readonly cost: HostCost;
  readonly admit: () => void;
}

/** Gives out the host's memory, processors, disk and locks, first come, first served. */
export class HostBudget {
  readonly #capacity: HostCapacity;
  readonly #waiting: Waiter[] = [];
  readonly #locks = new Set<string>();
  #used = { memoryMiB: 0, cpus: 0, diskMiB: 0 };

  constructor(capacity: HostCapacity) {
    this.#capacity = capacity;
  }

  /** Waits until the cost fits and takes it; disposing gives it back. Throws HostUnfit at once when it can never fit. */
  async take(cost: HostCost, signal: AbortSignal): Promise<Disposable> {
    this.#refuseImpossible(cost);
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        cost,
        admit: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        const place = this.#waiting.indexOf(waiter);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#admitAll();
    });
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#giveBack(cost);
        held = false;
      },
    };
  }

  #refuseImpossible(cost: HostCost): void {
    const { memoryMiB, diskMiB } = this.#capacity;
    if (cost.memoryMiB > memoryMiB) {
      throw new HostUnfit(
        `The guest needs ${cost.memoryMiB} MiB of memory and the host has ${Math.max(0, memoryMiB)} MiB to give.`,
        { lookAt: "npm run -s bootgate -- doctor" },
      );
    }
    if (cost.diskMiB > diskMiB) {
      throw new HostUnfit(
        `The guest needs up to ${cost.diskMiB} MiB of disk and ${Math.max(0, diskMiB)} MiB are free.`,
        { lookAt: "npm run -s bootgate -- clean" },
      );
    }
  }

  #fits(cost: HostCost): boolean {
    const alone = this.#used.memoryMiB === 0;
    return (
      this.#used.memoryMiB + cost.memoryMiB <= this.#capacity.memoryMiB &&
      this.#used.diskMiB + cost.diskMiB <= this.#capacity.diskMiB &&
      (alone || this.#used.cpus + cost.cpus <= this.#capacity.cpus) &&
      cost.locks.every((lock) => !this.#locks.has(lock))
    );
  }

  #admitAll(): void {
    while (this.#waiting[0] !== undefined && this.#fits(this.#waiting[0].cost)) {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) return;
      this.#count(waiter.cost, 1);
      for (const lock of waiter.cost.locks) this.#locks.add(lock);
      waiter.admit();
    }
  }

  #giveBack(cost: HostCost): void {
    this.#count(cost, -1);
    for (const lock of cost.locks) this.#locks.delete(lock);
    this.#admitAll();
  }

  #count(cost: HostCost, sign: 1 | -1): void {
    this.#used = {
      memoryMiB: this.#used.memoryMiB + sign * cost.memoryMiB,
      cpus: this.#used.cpus + sign * cost.cpus,
      diskMiB: this.#used.diskMiB + sign * cost.diskMiB,
    };
  }
}
