/** The registries of one attempt: what guests booted now are given, whose death they wait for, and their end. */
import type { JobEvent } from "../log/events.ts";
import type { GuestForward } from "../machine/machine.ts";
import type { Shelf } from "./scenario.ts";

/** A registry of one scenario, with the way guests reach it. Injected, so that the engine knows no fixture. */
export interface OpenShelf extends Shelf {
  readonly hostPort: number;
  readonly guestAddress: string;
  readonly guestPort: number;
  /** Rejects when the registry dies without being told to. */
  readonly died: Promise<never>;
  /** Bytes of blobs that guests have pulled so far, where the registry counts them. */
  pulledBytes?(): Promise<number>;
}

export class Shelves {
  readonly #log: (event: JobEvent) => void;
  readonly #open: OpenShelf[] = [];

  constructor(log: (event: JobEvent) => void) {
    this.#log = log;
  }

  /** Takes a registry over and returns it as the story sees it. */
  own(shelf: OpenShelf): Shelf {
    this.#open.push(shelf);
    return {
      publish: (name, image) => shelf.publish(name, image),
      [Symbol.asyncDispose]: () => this.#close(shelf),
    };
  }

  /** The way of a guest that is booted now to each of them. */
  forwards(): GuestForward[] {
    return this.#open.map(({ guestAddress, guestPort, hostPort }) => ({
      guestAddress,
      guestPort,
      hostPort,
    }));
  }

  /** Rejects when one of them dies; undefined where there is none. */
  anyDied(): Promise<never> | undefined {
    if (this.#open.length === 0) return undefined;
    const death = Promise.race(this.#open.map(({ died }) => died));
    // A guest that waits for it sees it; when nobody does any more it must not end the process.
    death.catch(() => undefined);
    return death;
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map((shelf) => this.#close(shelf)));
  }

  /** What guests pulled is known only at the end, and only by a registry that is still well. */
  async #close(shelf: OpenShelf): Promise<void> {
    const place = this.#open.indexOf(shelf);
    if (place < 0) return;
    this.#open.splice(place, 1);
    const bytes = await shelf.pulledBytes?.().catch(() => null);
    try {
      if (typeof bytes === "number")
        this.#log({ type: "measure", name: "pulled.bytes", value: bytes });
    } finally {
      await shelf[Symbol.asyncDispose]();
    }
  }
}
