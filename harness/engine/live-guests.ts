/**
 * The guests of one attempt whose machines still run: how many may stand at once, who has been let go of by the story, and
 * their end. A guest that was let go of stands until the next step, so that what is thrown there still finds it.
 */
import type { HasOpenLine } from "../guest/evidence-line.ts";
import type { Guest } from "../guest/guest.ts";
import type { JobEvent } from "../log/events.ts";
import type { Machine } from "../machine/machine.ts";
import type { BootPlan } from "./boot.ts";
import type { EvidenceSource } from "./evidence.ts";
import type { LoadedScenario } from "./scenario.ts";

export interface LiveGuest extends EvidenceSource {
  guest: (Guest & HasOpenLine) | null;
  /** True once the story has let go of it. */
  released: boolean;
  /** Ends the guest's machine. Never throws. */
  readonly end: () => Promise<void>;
}

export interface LiveGuestsOptions {
  readonly scenario: LoadedScenario;
  readonly login: BootPlan;
  readonly log: (event: JobEvent) => void;
}

export class LiveGuests {
  readonly #options: LiveGuestsOptions;
  readonly #live: LiveGuest[] = [];
  /** Names of the guests that are on or on their way. */
  readonly #standing = new Set<string>();

  constructor(options: LiveGuestsOptions) {
    this.#options = options;
  }

  get all(): readonly LiveGuest[] {
    return this.#live;
  }

  /** What stands behind a guest of a story. */
  find({ name }: Pick<Guest, "name">): LiveGuest | undefined {
    return this.#live.find((live) => live.name === name);
  }

  /** The host has been asked for as many guests as the story says. One more is a fault of the story, never the image's. */
  expectRoom(name: string): void {
    const { id, definition } = this.#options.scenario;
    const most = definition.needs.guests ?? 1;
    if (this.#standing.size >= most)
      throw new TypeError(
        `'${id}' boots a guest while ${most} ${most === 1 ? "stands" : "stand"}, which is as many as its 'needs.guests' says.`,
      );
    this.#standing.add(name);
  }

  /** A guest that was on its way does not come. */
  gone(name: string): void {
    this.#standing.delete(name);
  }

  own(name: string, machine: Machine, directory: string): LiveGuest {
    const { log, login } = this.#options;
    const stopStages = machine.console.onStage(({ stage, sinceMs }) =>
      log({ type: "boot-stage", guest: name, stage, sincePowerOnMs: sinceMs }),
    );
    const end = async (): Promise<void> => {
      stopStages();
      live.guest?.openLine?.end();
      await machine[Symbol.asyncDispose]();
      this.#standing.delete(name);
      const place = this.#live.indexOf(live);
      if (place >= 0) this.#live.splice(place, 1);
    };
    const live: LiveGuest = { name, machine, guest: null, directory, login, released: false, end };
    this.#live.push(live);
    return live;
  }

  /** Ends the guests that the story has let go of. */
  async endReleased(): Promise<void> {
    await Promise.all(this.#live.filter(({ released }) => released).map(({ end }) => end()));
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#live].map(({ end }) => end()));
  }
}
