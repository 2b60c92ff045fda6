/**
 * The stage a scenario plays on: it boots guests, opens registries, names steps and takes evidence at the throw. One
 * stage serves one attempt of one job and ends all it started.
 */
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Image } from "../../images/image.ts";
import { BootgateError, MachineFault, outcomeOf } from "../base/errors.ts";
import { connectGuest } from "../guest/connect.ts";
import type { Guest } from "../guest/guest.ts";
import type { JobEvent } from "../log/events.ts";
import type { GuestForward } from "../machine/machine.ts";
import { type BootPlan, startMachine } from "./boot.ts";
import { type EvidenceSource, takeEvidence } from "./evidence.ts";
import type { Job } from "./plan.ts";
import type { BootOptions, Reference, Shelf, Stage } from "./scenario.ts";

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

/** What a person may do with the guests of a failed step before they are ended. */
export type Hold = (guests: readonly EvidenceSource[], error: unknown) => Promise<void>;

export interface StageOptions {
  readonly job: Job;
  readonly boot: BootPlan;
  readonly log: (event: JobEvent) => void;
  /** Folder of this attempt in the run directory. */
  readonly directory: string;
  readonly runDirectory: string;
  readonly signal: AbortSignal;
  readonly openShelf: () => Promise<OpenShelf>;
  readonly hold: Hold | null;
}

/** How long the end of a registry may take to be noticed. */
const shelfDeathMs = 500;

interface LiveGuest extends EvidenceSource {
  guest: Guest | null;
}

/** One attempt of one job. */
export class JobStage implements Stage {
  readonly images: Readonly<Record<string, Image>>;
  /** True once a guest was started as a fork of a template. */
  usedFork = false;
  /** What ended the scenario: the first error of any step. */
  failure: unknown;
  readonly #options: StageOptions;
  readonly #live: LiveGuest[] = [];
  readonly #shelves: OpenShelf[] = [];
  readonly #told = new Set<string>();
  readonly #evidenced = new WeakSet<object>();
  #guestCount = 0;

  constructor(options: StageOptions) {
    this.#options = options;
    this.images = options.job.images;
  }

  // Scenarios take these out of the stage by name, so they are bound to it.
  note = (text: string): void => this.#options.log({ type: "note", text });

  step = async <T>(claim: string, body: () => Promise<T>): Promise<T> => {
    const { log, signal } = this.#options;
    signal.throwIfAborted();
    log({ type: "step-started", step: claim });
    const start = performance.now();
    const end = (outcome: ReturnType<typeof outcomeOf>): void =>
      log({ type: "step-ended", step: claim, outcome, durationMs: performance.now() - start });
    try {
      const value = await this.#untilAborted(body());
      end({ kind: "passed" });
      return value;
    } catch (caught) {
      const error = await this.#blamed(caught);
      end(outcomeOf(error));
      await this.#evidenceOf(error);
      throw error;
    }
  };

  registry = async (): Promise<Shelf> => {
    const shelf = await this.#options.openShelf();
    // Its death is looked at where a guest waits; without a guest nobody does, and it must not end the process.
    shelf.died.catch(() => undefined);
    this.#shelves.push(shelf);
    return {
      publish: (name, image) => shelf.publish(name, image),
      [Symbol.asyncDispose]: () => this.#closeShelf(shelf),
    };
  };

  /** What guests pulled is known only at the end, and only by a registry that is still well. */
  async #closeShelf(shelf: OpenShelf): Promise<void> {
    const place = this.#shelves.indexOf(shelf);
    if (place < 0) return;
    this.#shelves.splice(place, 1);
    const bytes = await shelf.pulledBytes?.().catch(() => null);
    if (typeof bytes === "number") {
      this.#options.log({ type: "measure", name: "pulled.bytes", value: bytes });
    }
    await shelf[Symbol.asyncDispose]();
  }

  boot = async (image: Image, options: BootOptions = {}): Promise<Guest> => {
    const { job } = this.#options;
    const guestName = this.#nameFor(image);
    return this.step(`boots ${image.name} on ${job.machine.driver} ${job.machine.firmware}`, () =>
      this.#bootNow(guestName, image, options),
    );
  };

  #nameFor(image: Image): string {
    this.#guestCount++;
    const word =
      image.name
        .split(/[:/]/)
        .at(-1)
        ?.replaceAll(/[^a-zA-Z0-9-]/g, "-") ?? "guest";
    return this.#guestCount === 1 ? word : `${word}-${this.#guestCount}`;
  }

  async #bootNow(name: string, image: Image, options: BootOptions): Promise<Guest> {
    const { signal, log, boot, runDirectory } = this.#options;
    const directory = join(this.#options.directory, name);
    await mkdir(directory, { recursive: true });
    const began = performance.now();
    const forwards = this.#shelves.map(
      ({ guestAddress, guestPort, hostPort }): GuestForward => ({
        guestAddress,
        guestPort,
        hostPort,
      }),
    );
    const guestRequest = { name, image, forwards, directory, runDirectory, signal, log };
    const machine = await startMachine(boot, guestRequest);
    const live: LiveGuest = { name, machine, guest: null, directory };
    this.#live.push(live);
    this.usedFork ||= machine.start === "fork";
    // Said at power-on, so that the report of a killed run shows how far its guest had come.
    const consolePath = relative(runDirectory, machine.console.path);
    log({ type: "evidence", kind: "console", path: consolePath });
    for (const deviation of [...boot.deviations, ...machine.deviations]) this.#deviate(deviation);
    const stopStages = machine.console.onStage((mark) =>
      log({ type: "boot-stage", guest: name, stage: mark.stage, sincePowerOnMs: mark.sinceMs }),
    );
    const release = async (): Promise<void> => {
      stopStages();
      await machine[Symbol.asyncDispose]();
      const place = this.#live.indexOf(live);
      if (place >= 0) this.#live.splice(place, 1);
    };
    try {
      const guest = await connectGuest({
        machine,
        image,
        name,
        key: boot.key,
        signal,
        timeScale: boot.timeScale,
        transport: boot.transport,
        onDeviation: (deviation) => this.#deviate(deviation),
        onNote: this.note,
        giveUpWhen: this.#anyShelfDied(),
        onMeasure: (measure, value) => log({ type: "measure", name: measure, value }),
        onDispose: release,
      });
      live.guest = guest;
      const readyMs = performance.now() - began;
      log({
        type: "guest-started",
        guest: name,
        image: image.name,
        start: machine.start,
        accelerator: machine.accelerator,
        readyMs,
        console: consolePath,
      });
      if (machine.start === "cold")
        log({ type: "measure", name: "boot.seconds", value: readyMs / 1000 });
      await this.#nameStandIns(guest, image);
      if (options.follows !== undefined) await this.#follow(guest, options.follows);
      return guest;
    } catch (error) {
      await this.#evidenceOf(error);
      await release();
      throw error;
    }
  }

  #deviate({ id, text }: { readonly id: string; readonly text: string }): void {
    if (this.#told.has(`${id} ${text}`)) return;
    this.#told.add(`${id} ${text}`);
    this.#options.log({ type: "deviation", id, text });
  }

  async #nameStandIns(guest: Guest, image: Image): Promise<void> {
    for (const program of image.standIns) {
      const version = program === "bootc" ? await guest.bootc.version() : "";
      this.#deviate({
        id: `stand-in:${program}`,
        text: `'${program}' in ${image.name} is a stand-in${version === "" ? "" : ` (${version})`}, not the real program.`,
      });
    }
  }

  async #follow(guest: Guest, reference: Reference): Promise<void> {
    const { spec } = await guest.bootc.status();
    if (spec.image?.image === reference) return;
    await guest.run`bootc switch --mutate-in-place --transport registry ${reference}`;
    this.#deviate({
      id: "origin-changed",
      text: `The guest's origin was changed from ${spec.image?.image ?? "nothing"} to ${reference}.`,
    });
  }

  #anyShelfDied(): Promise<never> | undefined {
    if (this.#shelves.length === 0) return undefined;
    const death = Promise.race(this.#shelves.map(({ died }) => died));
    // Whoever waits for it sees it; when nobody does any more it must not end the process.
    death.catch(() => undefined);
    return death;
  }

  /**
   * The error to blame. A guest whose registry died under it fails in words of its own; that is our fault, not the
   * image's. The end of a process is told a moment after its connections break, so that moment is given.
   */
  async #blamed(error: unknown): Promise<unknown> {
    const death = this.#anyShelfDied();
    if (death === undefined || outcomeOf(error).kind !== "failed") return error;
    const moment = new Promise<null>((resolve) => setTimeout(resolve, shelfDeathMs, null));
    const fault = await Promise.race([death, moment]).catch((reason: unknown) => reason);
    return fault ?? error;
  }

  async #evidenceOf(error: unknown): Promise<void> {
    if (typeof error !== "object" || error === null || this.#evidenced.has(error)) return;
    this.#evidenced.add(error);
    this.failure ??= error;
    const { runDirectory, log, hold, signal } = this.#options;
    const guests = [...this.#live];
    const limitMs = signal.aborted ? 5_000 : 15_000;
    await Promise.all(guests.map((guest) => takeEvidence(guest, runDirectory, log, limitMs)));
    if (hold !== null && guests.length > 0 && !signal.aborted) await hold(guests, error);
  }

  /** A scenario that ignores the signal must not hold up the run; what it leaves behind is ended by `close`. */
  async #untilAborted<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    if (signal.aborted) work.catch(() => undefined);
    signal.throwIfAborted();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () =>
        reject(
          signal.reason instanceof BootgateError
            ? signal.reason
            : new MachineFault("Stopped.", { cause: signal.reason }),
        );
      signal.addEventListener("abort", onAbort, { once: true });
    });
    work.catch(() => undefined);
    try {
      return await Promise.race([work, aborted]);
    } finally {
      if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends whatever the scenario left running. Never throws. */
  async close(): Promise<void> {
    const left = this.#live.splice(0);
    await Promise.all(left.map(({ machine }) => machine[Symbol.asyncDispose]()));
    await Promise.all([...this.#shelves].map((shelf) => this.#closeShelf(shelf)));
  }
}
