import type { NetworkFault } from "../../harness/engine/scenario.ts";

/** The registry of one scenario in a simulated world; the shape of the real fixture's. */
export interface SimulatedShelf extends AsyncDisposable {
  readonly guestAddress: string;
  readonly guestPort: number;
  readonly hostPort: number;
  readonly died: Promise<never>;
  /** Makes `name` (`os:stable`) stand for the image; returns the reference guests use. */
  publish(name: string, image: { readonly digest: string }): Promise<string>;
  publishSmall(name: string, text: string): Promise<string>;
}

/** What goes wrong between guests and a registry of the world, and what of it they have met. */
export class SimulatedTrouble {
  fault: NetworkFault | null = null;
  met = 0;
  readonly spoiled = new Set<string>();

  breakBy(fault: NetworkFault): void {
    this.fault = fault;
    this.met = 0;
  }

  /** The fault where it still goes wrong; whether it is met is the caller's to say. */
  get now(): NetworkFault | null {
    const { times = Number.POSITIVE_INFINITY } = (this.fault ?? {}) as { readonly times?: number };
    return this.met < times ? this.fault : null;
  }
}
