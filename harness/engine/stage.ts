/**
 * The stage a scenario plays on: it boots guests, opens fixtures, names steps and takes evidence at the throw. One
 * stage serves one attempt of one job and ends all it started.
 */
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Image, ImageChange } from "../../images/image.ts";
import { type Deviation, deviation } from "../base/deviations.ts";
import { outcomeOf } from "../base/errors.ts";
import { stopReason, untilAborted } from "../base/until-aborted.ts";
import type { PowerCuts } from "../cuts/cuts.ts";
import { connectGuest } from "../guest/connect.ts";
import type { Guest } from "../guest/guest.ts";
import { stopUpdaters } from "../guest/tools/updaters.ts";
import { derivedImages } from "../log/derived-images.ts";
import type { JobEvent } from "../log/events.ts";
import type { WrittenMark } from "../machine/machine.ts";
import { bringTo } from "../states/bring-to.ts";
import { behindOf, startMachine } from "./boot.ts";
import { connectMedium } from "./connect-medium.ts";
import { sizesADisk } from "./disk-full.ts";
import { Failure } from "./failure.ts";
import { followReference } from "./follow.ts";
import { claimBehind, GuestNames } from "./guest-names.ts";
import { type GuestScreen, screenOf } from "./guest-screen.ts";
import { LiveGuests } from "./live-guests.ts";
import { OpenFixtures } from "./open-fixtures.ts";
import { StagePowerCuts } from "./power-cuts.ts";
import type { BootOptions, FixtureName, Fixtures, Shelf, Stage } from "./scenario.ts";
import { requireSigned, type SignedImages } from "./signed-images.ts";
import type { Signer } from "./signer.ts";
import type { StageOptions } from "./stage-options.ts";
import { standInsOf } from "./stand-ins.ts";
import { StorySkipped } from "./story-skipped.ts";
import { expectMark } from "./written-mark.ts";

/** One attempt of one job. */
export class JobStage implements Stage {
  readonly images: Readonly<Record<string, Image>>;
  /** True once a guest was started as a fork of a template. */
  usedFork = false;
  readonly #options: StageOptions;
  readonly #live: LiveGuests;
  readonly #fixtures: OpenFixtures;
  readonly #cuts: StagePowerCuts;
  readonly #told = new Set<string>();
  readonly #names: GuestNames;
  readonly #failure: Failure;
  /** Machines and fixtures that are on their way. */
  readonly #starting = new Set<Promise<unknown>>();
  #closed = false;
  #silent = false;

  constructor(options: StageOptions) {
    this.#options = options;
    this.images = options.job.images;
    const { boot: login, job } = options;
    this.#live = new LiveGuests({ scenario: job.scenario, login, log: this.#log });
    this.#fixtures = new OpenFixtures(this.#log);
    this.#cuts = new StagePowerCuts({ ...options, log: this.#log });
    this.#names = new GuestNames(options.job.images);
    this.#failure = new Failure({
      ...options,
      log: this.#log,
      timeScale: options.boot.timeScale,
      guests: () => this.#live.all,
      sizesADisk: sizesADisk(options.job),
      refer: (error) => options.boot.claims.refer(error, options.job.id),
    });
  }

  /** What ended the scenario: the first error of any step, as it was blamed; null where nothing failed. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure.first;
  }

  /** Brings an error of the story itself, and takes evidence of it where no step has done so. Never throws. */
  async failed(caught: unknown): Promise<void> {
    const error = await this.#failure.blame(caught);
    // A story that was given up may still be in the middle of a step that failed before: that one is the failure.
    await this.#failure.keep(this.#options.signal.aborted ? (this.failure?.error ?? error) : error);
  }

  /** A story that was given up has nothing more to say: what it does then belongs to no attempt. */
  readonly #log = (event: JobEvent): void => {
    if (!this.#silent) this.#options.log(event);
  };

  // Scenarios take these out of the stage by name, so they are bound to it.
  screen = (guest: Guest): GuestScreen =>
    screenOf(this.#live.find(guest), { ...this.#options, log: this.#log });

  cuts = (guest: Guest, since: number): Promise<PowerCuts> =>
    this.#start(this.#cuts.open(this.#live.find(guest), guest, since));

  note = (text: string): void => this.#log({ type: "note", text });

  skip = (reason: string): never => {
    throw new StorySkipped(reason);
  };

  derive = async (image: Image, change: ImageChange): Promise<Image> => {
    const { signal, changeImage } = this.#options;
    const directory = join(this.#options.directory, `change-${change.name}`);
    // It may hold a machine, which outlives a story that was given up.
    const changing = changeImage(image, change, { signal, directory });
    changing.catch(() => undefined);
    this.#starting.add(changing);
    const changed = await untilAborted(changing, signal);
    this.#starting.delete(changing);
    this.#deviate(deviation("changed-image", image.name, change.name));
    return changed;
  };

  step = async <T>(claim: string, body: () => Promise<T>): Promise<T> => {
    const { signal } = this.#options;
    signal.throwIfAborted();
    await this.#live.endReleased();
    this.#log({ type: "step-started", step: claim });
    const start = performance.now();
    const end = (outcome: ReturnType<typeof outcomeOf>): void =>
      this.#log({
        type: "step-ended",
        step: claim,
        outcome,
        durationMs: performance.now() - start,
      });
    try {
      const value = await untilAborted(body(), signal);
      end({ kind: "passed" });
      return value;
    } catch (caught) {
      if (caught instanceof StorySkipped) {
        end({ kind: "skipped", reason: caught.reason });
        throw caught;
      }
      const error = await this.#failure.blame(caught);
      end(outcomeOf(error));
      await this.#failure.keep(error);
      throw error;
    }
  };

  requireSigned = (guest: Guest, reference: string, signer: Signer): Promise<SignedImages> =>
    requireSigned(guest, this.note, { reference, signer, onDeviation: (it) => this.#deviate(it) });

  use = <Name extends FixtureName>(name: Name): Promise<Fixtures[Name]> =>
    this.#fixtures.own(name, async () => {
      const fixture = await this.#start(this.#options.openFixture(name));
      this.#failure.dependsOn(fixture.died);
      return fixture;
    });

  registry = (): Promise<Shelf> => this.use("registry");

  boot = async (image: Image, options: BootOptions = {}): Promise<Guest> => {
    const { name, claim } = this.#names.next(image);
    const behind = behindOf(this.#options.boot, image);
    return this.step(`${claim}${claimBehind(behind)}`, async () => {
      this.#live.expectRoom(name);
      try {
        return await this.#bootNow(name, image, options);
      } catch (error) {
        this.#live.gone(name);
        throw error;
      }
    });
  };

  async #bootNow(name: string, image: Image, options: BootOptions): Promise<Guest> {
    const { signal, boot, runDirectory, pauseClock } = this.#options;
    const log = this.#log;
    const directory = join(this.#options.directory, name);
    await mkdir(directory, { recursive: true });
    const forwards = this.#fixtures.forwards();
    const onDeviation = (deviation: Deviation): void => this.#deviate(deviation);
    const { measures } = this.#options.job.scenario.definition;
    const asked = { name, image, forwards, measures };
    const behind = behindOf(boot, image);
    const how = { directory, runDirectory, signal, pauseClock, log, onDeviation, behind };
    const machine = await this.#start(startMachine(boot, { ...asked, ...how }));
    // From here: waiting for a template, making one and a fork that failed are not part of this guest's boot.
    const poweredOn = machine.poweredOnAt ?? performance.now();
    const live = this.#live.own(name, machine, directory);
    this.usedFork ||= machine.start === "fork";
    // Said at power-on, so that the report of a killed run shows how far its guest had come.
    const consolePath = relative(runDirectory, machine.console.path);
    log({ type: "evidence", kind: "console", path: consolePath });
    const told = [...boot.deviations, ...derivedImages(this.images)];
    for (const deviation of [...told, ...machine.deviations]) this.#deviate(deviation);
    try {
      const connect = boot.medium === undefined ? connectGuest : connectMedium(boot.medium);
      const guest = await connect({
        machine,
        image,
        name,
        key: boot.key,
        signal,
        timeScale: boot.timeScale,
        transport: boot.transport,
        onDeviation: (deviation) => this.#deviate(deviation),
        onNote: this.note,
        giveUpWhen: this.#fixtures.anyDied(),
        claims: boot.claims,
        onMeasure: (measure, value) => log({ type: "measure", name: measure, value }),
        // Not ended yet: what is thrown next may be thrown at this very guest, and is worth evidence of it.
        onDispose: async () => {
          live.released = true;
        },
      }).finally(() => this.#tellFirmware(name, machine.firmware));
      live.guest = guest;
      // What was done to it while it booted: a key pressed at its boot menu.
      for (const deviation of machine.deviations) this.#deviate(deviation);
      const readyMs = performance.now() - poweredOn;
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
      await this.#bringToStory(guest, {
        ...options,
        ...{ isFork: machine.start === "fork", mark: machine.mark ?? null },
      });
      return guest;
    } catch (caught) {
      for (const deviation of machine.deviations) this.#deviate(deviation);
      const error = await this.#failure.blame(caught);
      await this.#failure.keep(error);
      await live.end();
      throw error;
    }
  }

  #tellFirmware(name: string, firmware: readonly string[] = []): void {
    if (firmware.length > 0) this.note(`${name} was started by ${firmware.join(", ")}.`);
  }

  /** What is asked of a guest that answers, and done to it, before the story has it. */
  async #bringToStory(
    guest: Guest,
    { follows, isFork, mark }: BootOptions & { isFork: boolean; mark: WrittenMark | null },
  ): Promise<void> {
    const { boot, job } = this.#options;
    const { image } = guest;
    const behind = behindOf(boot, image);
    for (const program of await standInsOf(guest, image)) this.#deviate(program);
    await expectMark(guest.aside, mark);
    // A fork that is past its update is not what its disk holds, and a live medium does not have a disk.
    const isThere = behind !== undefined && isFork;
    if (!isThere && boot.medium === undefined) await boot.claims.hear(guest, this.#log, job.id);
    // A guest that boots cold and has no registry cannot be upgraded by itself, and is left as it is.
    if (boot.medium === undefined && (isFork || follows !== undefined || behind !== undefined))
      await stopUpdaters(guest, (stopped) => this.#deviate(stopped));
    if (follows !== undefined) {
      const changed = await followReference(guest, follows);
      if (changed !== null) this.#deviate(changed);
    }
    if (behind !== undefined && !isThere) await bringTo(guest, behind);
  }

  /** Ends what comes up too late at once: the story was given up meanwhile, and nobody else would end it. */
  async #start<T extends AsyncDisposable>(coming: Promise<T>): Promise<T> {
    const owned = coming.then(async (started) => {
      if (!this.#closed) return started;
      await started[Symbol.asyncDispose]();
      throw stopReason(this.#options.signal);
    });
    this.#starting.add(owned);
    try {
      return await owned;
    } finally {
      this.#starting.delete(owned);
    }
  }

  #deviate({ id, text }: Deviation): void {
    if (this.#told.has(`${id} ${text}`)) return;
    this.#told.add(`${id} ${text}`);
    this.#log({ type: "deviation", id, text });
  }

  /** Ends whatever the scenario left running. Never throws. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#starting]);
    await this.#live.endAll();
    await this.#cuts.close(this.failure === null ? null : this.#options);
    await this.#fixtures.closeAll();
    this.#silent = true;
  }
}
