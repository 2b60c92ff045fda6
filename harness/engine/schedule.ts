/**
 * Admission of jobs by what the host has. p-queue keeps the order and the number of jobs; it knows no weights, so this
 * budget holds a job back until its memory, processors and disk fit and no one else holds its locks, in any run on
 * this host. Who cannot start yet is passed over by who can, but not without end.
 */
import { setMaxListeners } from "node:events";
import { isFullDisk } from "../base/no-space.ts";
import type { HostCost } from "../machine/machine.ts";
import { type BorneCost, fits, type HostCapacity, larger, whyNever } from "./host-capacity.ts";
import type { HostShares, Shares } from "./host-shares.ts";
import { type Age, isPatient, newAge, type Waiter } from "./waiter.ts";

/** How often other runs are asked while something waits for what they hold: a killed one tells nobody. */
const askAgainMs = 1000;
/** How long what was given back may take to be told, where another run holds the turn. */
const tellMs = 5000;
/** A disk may be full for a moment, while another job's overlay is on it. */
const fullAtMostMs = 60_000;

/** Somebody's place among those who wait for the host: his age counts until it is disposed. */
export interface HostPlace extends Disposable {
  /** Takes the cost where it fits now, or returns null. Throws as `HostBudget.take` does. */
  takeNow(): Promise<Disposable | null>;
  /** Waits until it would fit; nothing is taken. Throws as `HostBudget.take` does. */
  untilRoom(): Promise<void>;
}

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
  /** Who has waited too long was told that there is room: nobody here takes it before he does. */
  readonly #promised = new Map<Age, HostCost>();
  /** Who waits for room that nobody who came later may take. */
  #wish: Waiter | null = null;
  readonly #stop = new AbortController();
  /** The round that goes on; another one is due after it. */
  #round: Promise<void> | null = null;
  #isDue = false;
  #askAgain: NodeJS.Timeout | undefined;
  /** Who is let in by the round that goes on, and what undoes it: nobody begins of whom the others were not told. */
  readonly #admitted = new Map<Waiter, () => void>();
  /** Since when the others cannot be told for want of space. Milliseconds that never go back. */
  #fullSince: number | null = null;

  constructor(capacity: HostCapacity, { shares = null, measure }: BudgetOptions = {}) {
    this.#measured = capacity;
    this.#capacity = capacity;
    this.#shares = shares;
    this.#measure = measure ?? null;
  }

  /** Waits until the cost fits and takes it; disposing gives it back. Throws HostUnfit at once when it can never fit. */
  async take(cost: HostCost, signal: AbortSignal): Promise<Disposable> {
    await this.#enter({ cost, age: newAge(), kind: "take" }, signal);
    return this.#shareOf(cost);
  }

  /** Takes the cost where it fits now, or returns null. Throws as `take` does. */
  async takeNow(cost: HostCost, signal: AbortSignal): Promise<Disposable | null> {
    using place = this.place(cost, signal);
    return await place.takeNow();
  }

  /** Begins to wait for the cost. */
  place(cost: HostCost, signal: AbortSignal): HostPlace {
    const age = newAge();
    return {
      takeNow: async () =>
        (await this.#enter({ cost, age, kind: "now" }, signal)) ? this.#shareOf(cost) : null,
      untilRoom: async () => void (await this.#enter({ cost, age, kind: "room" }, signal)),
      [Symbol.dispose]: () => {
        if (this.#promised.delete(age)) this.#goRound();
      },
    };
  }

  /** True once the cost is held, or would be. */
  async #enter(
    { cost, age, kind }: Pick<Waiter, "cost" | "age" | "kind">,
    signal: AbortSignal,
  ): Promise<boolean> {
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
        age,
        kind,
        measured: "not",
        admit: () => done(() => resolve(true)),
        leave: () => done(() => resolve(false)),
        refuse: (reason) => done(() => reject(reason)),
      };
      const onAbort = (): void => {
        waiter.refuse(signal.reason);
        this.#goRound();
      };
      // Each job that waits listens to the run's one signal.
      setMaxListeners(0, signal);
      signal.addEventListener("abort", onAbort, { once: true });
      // The oldest first.
      const after = this.#waiting.findIndex((other) => other.age.since > age.since);
      this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, waiter);
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

  /** Returns when other runs have been told of what was given back, or do not let that be. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    const late = setTimeout(() => this.#stop.abort(), tellMs);
    await this.#round;
    clearTimeout(late);
    clearTimeout(this.#askAgain);
  }

  /** Lets in who fits. With other runs to ask it takes a moment; calls meanwhile are one more round. */
  #goRound(): void {
    if (this.#shares === null) {
      this.#admit([]);
      this.#settle(true);
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
        }, this.#stop.signal);
        this.#settle(true);
        this.#fullSince = null;
      }
    } catch (error) {
      this.#settle(false);
      const mayPass = this.#mayPass(error);
      for (const waiter of [...this.#waiting]) {
        if (!mayPass) waiter.refuse(error);
        else if (waiter.kind === "now") waiter.leave();
      }
    } finally {
      this.#round = null;
    }
    // What was given back has to be told too.
    if (this.#waiting.length > 0 || this.#fullSince !== null)
      this.#askAgain = setTimeout(() => this.#goRound(), askAgainMs);
  }

  #mayPass(error: unknown): boolean {
    if (!(error instanceof Error && isFullDisk(error.cause))) return false;
    this.#fullSince ??= performance.now();
    return performance.now() - this.#fullSince < fullAtMostMs;
  }

  /** Lets in who was admitted where the others know of it; else it is as if the round had not been. */
  #settle(isTold: boolean): void {
    for (const [waiter, undo] of this.#admitted) {
      if (isTold && this.#waiting.includes(waiter)) waiter.admit();
      else undo();
    }
    this.#admitted.clear();
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
    const waiting = [...this.#promised, ...(this.#wish === null ? [] : [agedCost(this.#wish)])];
    const wished = waiting.map(([{ since }, cost]) => ({ cost: plain(cost), since }));
    return { capacity: { ...this.#measured }, held: this.#held.map(plain), wished };
  }

  /** Null: somebody may hold all that there is. */
  #admit(others: readonly Shares[] | null): void {
    if (others !== null) this.#letIn(others);
    for (const waiter of [...this.#waiting]) {
      if (waiter.kind !== "now" || waiter.measured === "now" || this.#admitted.has(waiter))
        continue;
      this.#promised.delete(waiter.age);
      waiter.leave();
    }
  }

  #letIn(others: readonly Shares[]): void {
    const capacity = others.map((other) => other.capacity).reduce(larger, this.#capacity);
    this.#capacity = capacity;
    const wished = others.flatMap((other) =>
      other.wished.map((wish) => ({ ...wish, cost: borneBy(other, wish.cost) })),
    );
    const theirs = others.flatMap((other) => other.held.map((cost) => borneBy(other, cost)));
    const passedOver: Waiter[] = [];
    this.#wish = null;
    for (const waiter of [...this.#waiting]) {
      const { cost, age } = waiter;
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
      const promised = [
        ...wished.filter(({ since }) => since < age.since).map((wish) => wish.cost),
        ...[...this.#promised].filter(([whose]) => whose !== age).map(([, kept]) => kept),
      ];
      const waited = passedOver.flatMap(({ cost: { locks } }) => locks);
      const taken = [...held, ...promised].flatMap(({ locks }) => locks);
      const isFree = areFree(cost.locks, [...taken, ...waited]);
      if (isFree && fits(cost, { held, promised }, capacity)) {
        this.#letInOne(waiter, passedOver);
        continue;
      }
      // Room that others leave would go to those behind; a lock is kept for who waits for it anyway.
      if (isFree && !isPatient(age)) {
        this.#wish = waiter;
        return;
      }
      passedOver.push(waiter);
    }
  }

  #letInOne(waiter: Waiter, passedOver: readonly Waiter[]): void {
    const { cost, age, kind } = waiter;
    const kept = this.#promised.get(age);
    if (kind === "room") {
      if (!isPatient(age)) this.#promised.set(age, cost);
      this.#admitted.set(waiter, () => kept === undefined && this.#promised.delete(age));
      return;
    }
    for (const { age: older } of passedOver) older.passedOver++;
    this.#promised.delete(age);
    this.#held.push(cost);
    this.#admitted.set(waiter, () => {
      for (const { age: older } of passedOver) older.passedOver--;
      // Who has gone meanwhile is not promised anything.
      if (kept !== undefined && this.#waiting.includes(waiter)) this.#promised.set(age, kept);
      this.#held.splice(this.#held.indexOf(cost), 1);
    });
  }
}

const agedCost = ({ age, cost }: Waiter): [Age, HostCost] => [age, cost];

const borneBy = ({ capacity }: Shares, cost: HostCost): BorneCost => ({
  ...cost,
  group: capacity.own?.group,
});

const areFree = (wanted: readonly string[], taken: readonly string[]): boolean =>
  wanted.every((lock) => !taken.includes(lock));

const plain = ({ locks, ...amounts }: HostCost) => ({ ...amounts, locks: [...locks] });
