/**
 * When work begins: it needs a place among what may run at once, and its share of the host. Order and number are p-queue's,
 * the host is the budget's. Who has to wait for the host gives the place back meanwhile, so that work behind it which fits
 * can begin; once there is room it comes first. Nobody who has a place waits for a share, and nobody holds a share without a
 * place.
 */
import PQueue from "p-queue";
import type { HostCost } from "../machine/machine.ts";
import type { HostBudget } from "./schedule.ts";

/** Who has waited for the host comes before all who have not. */
const waitedFirst = 1_000_000;

export interface AdmissionWish {
  readonly cost: HostCost;
  /** The higher, the sooner. */
  readonly priority: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

export class Admission {
  readonly #queue: PQueue;
  readonly #budget: Pick<HostBudget, "place">;

  /** `parallel`: how much runs at once. */
  constructor(parallel: number, budget: Pick<HostBudget, "place">) {
    this.#queue = new PQueue({ concurrency: parallel });
    this.#budget = budget;
  }

  /** Runs the work once it is admitted, and hands it its share, which it gives back. Throws as `HostBudget.take` and the work do. */
  async run<T>(
    { cost, priority, signal }: AdmissionWish,
    work: (share: Disposable) => Promise<T>,
  ): Promise<T> {
    // One place for all turns, so that nobody is passed over without end.
    using place = this.#budget.place(cost, signal);
    for (let next = priority; ; next = waitedFirst) {
      const begun = await this.#queue.add(
        async () => {
          const share = await place.takeNow();
          return share === null ? null : { result: await work(share) };
        },
        { priority: next },
      );
      if (begun !== null) return begun.result;
      // Without taking it: what is not used yet is not kept from other runs.
      await place.untilRoom();
    }
  }
}
