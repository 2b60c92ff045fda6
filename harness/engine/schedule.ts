/**
 * Admission of jobs by what the host has. p-queue keeps the order and the number of jobs; it knows no weights, so this
 * budget holds a job back until its memory, processors and disk fit and no one else holds its locks, in any run on
 * this host. Who cannot start yet is passed over by who can, but not without end.
 */
import { readFile, statfs } from "node:fs/promises";
import { HostUnfit } from "../base/errors.ts";
import type { HostCost } from "../machine/machine.ts";
import { cgroupLimits } from "./cgroup-limits.ts";
import type { HostShares, Shares } from "./host-shares.ts";

export interface HostCapacity {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly diskMiB: number;
}

/**
 * What may be given to guests: free memory of the host or of its container less a reserve, free disk less one GiB, twice
 * the processors (guests idle a lot). `directory` is where overlays go.
 */
export async function measureHost(directory: string, processors: number): Promise<HostCapacity> {
  const meminfo = await readFile("/proc/meminfo", "utf8");
  const availableKiB = Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0);
  const { memoryMiB: leftMiB } = await cgroupLimits();
  const disk = await statfs(directory);
  return {
    memoryMiB: Math.floor(Math.min(availableKiB / 1024, leftMiB ?? Number.POSITIVE_INFINITY) - 512),
    cpus: processors * 2,
    diskMiB: Math.floor((disk.bavail * disk.bsize) / (1024 * 1024)) - 1024,
  };
}

/** What a job with several guests takes: it holds each lock once. */
export const costOfGuests = (cost: HostCost, guests: number): HostCost => ({
  memoryMiB: cost.memoryMiB * guests,
  cpus: cost.cpus * guests,
  diskMiB: cost.diskMiB * guests,
  locks: cost.locks,
});

/** After so many others, or so long a time, nobody who came later is let in before. */
const passedOverAtMost = 4;
const waitsAtMostMs = 300_000;

/** How often other runs are asked while something waits for what they hold: a killed one tells nobody. */
const askAgainMs = 1000;

interface Waiter {
  readonly cost: HostCost;
  /** Milliseconds of the epoch: other runs compare it with theirs. */
  readonly since: number;
  /** How many that came later were let in before. */
  passedOver: number;
  /** False: it goes where it cannot be let in at once. */
  readonly waits: boolean;
  /** Whether the host was measured again, which comes before a refusal. */
  measured: "not" | "now" | "yes";
  readonly admit: () => void;
  readonly leave: () => void;
  readonly refuse: (reason: unknown) => void;
}

const isPatient = ({ passedOver, since }: Waiter): boolean =>
  passedOver < passedOverAtMost && Date.now() - since < waitsAtMostMs;

export interface BudgetOptions {
  /** What other runs hold counts too; null: this run has the host to itself. */
  readonly shares?: HostShares | null;
  /** Measures the host again before somebody is told that it can never have what it needs. */
  readonly measure?: () => Promise<HostCapacity>;
}

/** Gives out the host's memory, processors, disk and locks. */
export class HostBudget {
  /** What this run found itself, which is what it tells others. */
  #measured: HostCapacity;
  /** The most that anybody has found: who measured while others held much found less than there is. */
  #capacity: HostCapacity;
  readonly #measure: (() => Promise<HostCapacity>) | null;
  readonly #shares: HostShares | null;
  readonly #waiting: Waiter[] = [];
  readonly #held: HostCost[] = [];
  /** Who waits for room that nobody who came later may take. */
  #wish: Waiter | null = null;
  /** The round that goes on; another one is due after it. */
  #round: Promise<void> | null = null;
  #isDue = false;
  #askAgain: NodeJS.Timeout | undefined;

  constructor(capacity: HostCapacity, { shares = null, measure }: BudgetOptions = {}) {
    this.#measured = capacity;
    this.#capacity = capacity;
    this.#shares = shares;
    this.#measure = measure ?? null;
  }

  /** Waits until the cost fits and takes it; disposing gives it back. Throws HostUnfit at once when it can never fit. */
  async take(cost: HostCost, signal: AbortSignal): Promise<Disposable> {
    await this.#enter(cost, signal, true);
    return this.#shareOf(cost);
  }

  /** Takes the cost where it fits now, or returns null. Throws as `take` does. */
  async takeNow(cost: HostCost, signal: AbortSignal): Promise<Disposable | null> {
    return (await this.#enter(cost, signal, false)) ? this.#shareOf(cost) : null;
  }

  /** True once the cost is held. */
  async #enter(cost: HostCost, signal: AbortSignal, waits: boolean): Promise<boolean> {
    signal.throwIfAborted();
    return new Promise<boolean>((resolve, reject) => {
      const done = (end: () => void): void => {
        signal.removeEventListener("abort", onAbort);
        const place = this.#waiting.indexOf(waiter);
        if (place >= 0) this.#waiting.splice(place, 1);
        end();
      };
      const waiter: Waiter = {
        cost,
        since: Date.now(),
        passedOver: 0,
        waits,
        measured: "not",
        admit: () => done(() => resolve(true)),
        leave: () => done(() => resolve(false)),
        refuse: (reason) => done(() => reject(reason)),
      };
      const onAbort = (): void => {
        waiter.refuse(signal.reason);
        this.#goRound();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#goRound();
    });
  }

  #shareOf(cost: HostCost): Disposable {
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#held.splice(this.#held.indexOf(cost), 1);
        isHeld = false;
        this.#goRound();
      },
    };
  }

  /** Returns when other runs have been told of what was given back. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#round;
  }

  /** Lets in who fits. With other runs to ask it takes a moment; calls meanwhile are one more round. */
  #goRound(): void {
    if (this.#shares === null) {
      this.#admit([]);
      return;
    }
    this.#isDue = true;
    this.#round ??= this.#askOthers(this.#shares);
  }

  async #askOthers(shares: HostShares): Promise<void> {
    clearTimeout(this.#askAgain);
    try {
      while (this.#isDue) {
        this.#isDue = false;
        await shares.exchange((others) => {
          this.#admit(others);
          return this.#own();
        });
      }
    } catch (error) {
      for (const waiter of [...this.#waiting]) waiter.refuse(error);
    } finally {
      this.#round = null;
    }
    if (this.#waiting.length > 0) this.#askAgain = setTimeout(() => this.#goRound(), askAgainMs);
  }

  /** What was found while other runs held much is not all that the host has. */
  async #measureFor(waiter: Waiter, measure: () => Promise<HostCapacity>): Promise<void> {
    waiter.measured = "now";
    try {
      this.#measured = larger(this.#measured, await measure());
      this.#capacity = larger(this.#capacity, this.#measured);
      waiter.measured = "yes";
      this.#goRound();
    } catch (error) {
      waiter.refuse(error);
    }
  }

  #own(): Shares {
    const wish = this.#wish;
    const wished = wish === null ? [] : [{ cost: plain(wish.cost), since: wish.since }];
    return { capacity: { ...this.#measured }, held: this.#held.map(plain), wished };
  }

  #admit(others: readonly Shares[]): void {
    this.#capacity = others.map(({ capacity }) => capacity).reduce(larger, this.#capacity);
    this.#letIn(others);
    for (const waiter of [...this.#waiting])
      if (!waiter.waits && waiter.measured !== "now") waiter.leave();
  }

  #letIn(others: readonly Shares[]): void {
    const capacity = this.#capacity;
    const wished = others.flatMap((other) => other.wished);
    const theirs = others.flatMap(({ held }) => held);
    const passedOver: Waiter[] = [];
    this.#wish = null;
    for (const waiter of [...this.#waiting]) {
      const { cost, since } = waiter;
      const never = whyNever(cost, capacity);
      if (never !== null) {
        // What is found while somebody holds a share is less than the host has.
        const isBusy = theirs.length + this.#held.length > 0;
        if (this.#measure === null || (waiter.measured === "yes" && !isBusy)) waiter.refuse(never);
        else if (waiter.measured === "not" && !isBusy) void this.#measureFor(waiter, this.#measure);
        else if (isBusy && waiter.measured === "yes") waiter.measured = "not";
        continue;
      }
      const held = [...theirs, ...this.#held];
      const promised = wished.filter((wish) => wish.since < since).map((wish) => wish.cost);
      const waited = passedOver.flatMap(({ cost: { locks } }) => locks);
      const isFree = areFree(cost.locks, [...held.flatMap(({ locks }) => locks), ...waited]);
      if (isFree && fits(cost, held, [...held, ...promised], capacity)) {
        for (const one of passedOver) one.passedOver++;
        this.#held.push(cost);
        waiter.admit();
        continue;
      }
      // Room that others leave would go to those behind; a lock is kept for who waits for it anyway.
      if (isFree && !isPatient(waiter)) {
        this.#wish = waiter;
        return;
      }
      passedOver.push(waiter);
    }
  }
}

const areFree = (wanted: readonly string[], taken: readonly string[]): boolean =>
  wanted.every((lock) => !taken.includes(lock));

/** A guest may have more processors than the host has to give when no other guest runs. */
function fits(
  cost: HostCost,
  held: readonly HostCost[],
  kept: readonly HostCost[],
  capacity: HostCapacity,
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

/** A run that began while others held much found less than the host has: what the first one found counts. */
const larger = (one: HostCapacity, other: HostCapacity): HostCapacity => ({
  memoryMiB: Math.max(one.memoryMiB, other.memoryMiB),
  cpus: Math.max(one.cpus, other.cpus),
  diskMiB: Math.max(one.diskMiB, other.diskMiB),
});

const plain = ({ locks, ...amounts }: HostCost) => ({ ...amounts, locks: [...locks] });

function whyNever(cost: HostCost, { memoryMiB, diskMiB }: HostCapacity): HostUnfit | null {
  if (cost.memoryMiB > memoryMiB) {
    return new HostUnfit(
      `The guest needs ${cost.memoryMiB} MiB of memory and the host has ${Math.max(0, memoryMiB)} MiB to give.`,
      { lookAt: "npm run -s bootgate -- doctor" },
    );
  }
  if (cost.diskMiB > diskMiB) {
    return new HostUnfit(
      `The guest needs up to ${cost.diskMiB} MiB of disk and ${Math.max(0, diskMiB)} MiB are free.`,
      { lookAt: "npm run -s bootgate -- clean" },
    );
  }
  return null;
}
