/**
 * The fixtures of one attempt: what guests booted now are given, whose death they wait for, and their end. The stage owns
 * them, whatever the story does with what it was handed.
 */
import type { Image } from "../../images/image.ts";
import { CannotTell } from "../base/errors.ts";
import type { JobEvent } from "../log/events.ts";
import type { GuestForward, ServiceAddress } from "../machine/machine.ts";
import type { FixtureName, Fixtures, OpenFixture } from "./scenario.ts";

/** For whom a fixture is opened. */
export interface FixturePlace {
  /** The images of the job, as a registry may be asked to serve them. */
  readonly images: readonly Image[];
  /** Where guests find the harness: the address of all its services, and the port of the registry. */
  readonly guests: ServiceAddress;
}

/** The same before it is known whether guests reach the harness at all. */
export interface FixtureWish extends Omit<FixturePlace, "guests"> {
  /** Null where they do not. */
  readonly guests: ServiceAddress | null;
}

/** What opens each fixture. One that is not there cannot be had in this run. Injected, so that the engine knows no fixture. */
export type FixtureTable = {
  readonly [Name in FixtureName]?: (place: FixturePlace) => Promise<OpenFixture<Fixtures[Name]>>;
};

/** Opens a fixture by its name. Throws TypeError for one that the run does not have, CannotTell where guests do not reach it. */
export async function openFixture<Name extends FixtureName>(
  table: FixtureTable,
  name: Name,
  { guests, ...place }: FixtureWish,
): Promise<OpenFixture<Fixtures[Name]>> {
  const open = table[name];
  if (open === undefined) throw new TypeError(`This run does not have the fixture '${name}'.`);
  if (guests === null)
    throw new CannotTell(
      `Guests of this machine do not reach the harness, so they cannot use the fixture '${name}'.`,
      { details: { "to do": "let the story need the capability 'services'" } },
    );
  return open({ ...place, guests });
}

type AnyFixture = OpenFixture<AsyncDisposable>;

export class OpenFixtures {
  readonly #log: (event: JobEvent) => void;
  readonly #open = new Map<FixtureName, AnyFixture>();
  readonly #opening = new Set<FixtureName>();

  constructor(log: (event: JobEvent) => void) {
    this.#log = log;
  }

  /**
   * Opens a fixture and returns it as the story sees it: disposing ends it for all. Throws TypeError for a second one of a kind, which guests could not
   * tell from the first.
   */
  async own<Name extends FixtureName>(
    name: Name,
    opening: () => Promise<OpenFixture<Fixtures[Name]>>,
  ): Promise<Fixtures[Name]> {
    if (this.#open.has(name) || this.#opening.has(name))
      throw new TypeError(`The story opens the fixture '${name}' while it stands.`);
    this.#opening.add(name);
    try {
      const fixture = await opening();
      this.#open.set(name, fixture);
      return handleOf<Fixtures[Name]>(fixture.handle, () => this.#close(name, fixture));
    } finally {
      this.#opening.delete(name);
    }
  }

  /** The way of a guest that is booted now to each of them. */
  forwards(): GuestForward[] {
    return [...this.#open.values()].flatMap(({ forwards }) => [...forwards]);
  }

  /** Rejects when one of them dies; undefined where there is none. */
  anyDied(): Promise<never> | undefined {
    if (this.#open.size === 0) return undefined;
    const death = Promise.race([...this.#open.values()].map(({ died }) => died));
    // A guest that waits for it sees it; when nobody does any more it must not end the process.
    death.catch(() => undefined);
    return death;
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map(([name, fixture]) => this.#close(name, fixture)));
  }

  /** What guests took is known only at the end, and only by a fixture that is still well. */
  async #close(name: FixtureName, fixture: AnyFixture): Promise<void> {
    if (this.#open.get(name) !== fixture) return;
    this.#open.delete(name);
    const measures = await fixture.measures?.().catch(() => null);
    try {
      for (const [measure, value] of Object.entries(measures ?? {}))
        this.#log({ type: "measure", name: measure, value });
    } finally {
      await fixture[Symbol.asyncDispose]();
    }
  }
}

/** The handle with another end: its own methods, called as the story calls them. */
function handleOf<Handle extends AsyncDisposable>(
  handle: Handle,
  end: () => Promise<void>,
): Handle {
  return new Proxy(handle, {
    get(target, key) {
      if (key === Symbol.asyncDispose) return end;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
