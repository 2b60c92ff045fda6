/**
 * When work begins: it needs a place among what may run at once, and its share of the host. Order and number are p-queue's,
 * the host is the budget's. Who has to wait for the host gives the place back meanwhile, so that work behind it which
 * fits can begin; once it has its share it comes first. Nobody who has a place waits for a share, so all places come free.
 */
import PQueue from "p-queue";
import type { HostCost } from "../machine/machine.ts";
import type { HostBudget } from "./schedule.ts";

/** A share is held already: nothing that only waits comes before it. */
const admittedFirst = 1_000_000;

export interface AdmissionWish {
  readonly cost: HostCost;
  /** The higher, the sooner. */
  readonly priority: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

export class Admission {
  readonly #queue: PQueue;
  readonly #budget: Pick<HostBudget, "take" | "takeNow">;

  /** `parallel`: how much runs at once. */
  constructor(parallel: number, budget: Pick<HostBudget, "take" | "takeNow">) {
    this.#queue = new PQueue({ concurrency: parallel });
    this.#budget = budget;
  }

  /** Runs the work once it is admitted, and hands it its share, which it gives back. Throws as `HostBudget.take` and the work do. */
  async run<T>(
    { cost, priority, signal }: AdmissionWish,
    work: (share: Disposable) => Promise<T>,
  ): Promise<T> {
    const begun = await this.#queue.add(
      async () => {
        const share = await this.#budget.takeNow(cost, signal);
        return share === null ? null : { result: await work(share) };
      },
      { priority },
    );
    if (begun !== null) return begun.result;
    const share = await this.#budget.take(cost, signal);
    return this.#queue.add(() => work(share), { priority: admittedFirst });
  }
}
