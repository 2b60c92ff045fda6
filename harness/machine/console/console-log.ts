/**
 * The console of a live machine: the watcher's findings turned into promises that waits can race against. Code that has
 * the bytes feeds it and sees to the log file (QEMU writes its own; see console-follower.ts).
 */
import { type Deviation, deviation } from "../../base/deviations.ts";
import { type BootgateError, MachineFault } from "../../base/errors.ts";
import type { HostSample } from "../../base/host-health.ts";
import type { Secret } from "../../base/secrets.ts";
import {
  type BootStage,
  bootStages,
  type Console,
  type FatalLine,
  type StageMark,
  timeProves,
} from "./console.ts";
import { ConsoleWatcher, type WatcherFact, type WatcherOptions } from "./console-watcher.ts";
import { type FatalScene, fatalError } from "./fatal-error.ts";
import { inTime, newFatalPromise } from "./fatal-promise.ts";
import { HostWatch } from "./host-watch.ts";
import { keys } from "./keys.ts";

export interface ConsoleLogOptions extends WatcherOptions {
  /** The file with every byte, for messages. */
  readonly path: string;
  /** Names the machine in messages. */
  readonly name: string;
  /** Milliseconds that never go back. Default performance.now. */
  readonly now?: () => number;
  /** What a boot is told that asks for the passphrase of its disk; absent where nobody knows it. */
  readonly passphrase?: Secret | undefined;
  /** Looks at the host on which the guest runs. Absent where that is not this one: a board. */
  readonly sampleHost?: () => HostSample;
}

/** What a machine can do for its console beside handing on bytes. */
export interface ConsoleHands {
  /** Whether the screen changes while it is looked at; null when there is no screen. */
  readonly screenChanged?: () => Promise<boolean | null>;
  /** Presses Enter on the machine's keyboard. */
  readonly pressEnter?: () => Promise<void>;
  /** Types at the serial port. */
  readonly type?: (text: string) => Promise<void>;
}

/** How often the clock is looked at for silence and doubtful lines. */
const tickMs = 250;

export class ConsoleLog implements Console {
  readonly path: string;
  readonly #options: ConsoleLogOptions;
  readonly #watcher: ConsoleWatcher;
  readonly #listeners = new Set<(mark: StageMark) => void>();
  readonly #restartListeners = new Set<() => void>();
  #restarts = 0;
  heardAt: number | null = null;
  #hands: ConsoleHands = {};
  #passphraseTyped = false;
  #isMenuTaken = false;
  #fatal = newFatalPromise();
  #ticker: NodeJS.Timeout | null = null;
  readonly #host: HostWatch;

  constructor(options: ConsoleLogOptions) {
    this.#options = options;
    this.path = options.path;
    const { silenceMs, sampleHost } = options;
    this.#host = new HostWatch({ longestMs: silenceMs, tickMs, sample: sampleHost });
    const knowsPassphrase = options.passphrase !== undefined;
    this.#watcher = new ConsoleWatcher({ ...options, asksForScreen: true, knowsPassphrase });
  }

  /** Gives the console the machine's eyes and hand. */
  attach(hands: ConsoleHands): void {
    this.#hands = hands;
  }

  get stage(): BootStage {
    return this.#watcher.stage;
  }
  get stages(): readonly StageMark[] {
    return [...this.#watcher.stages];
  }
  get bytes(): number {
    return this.#watcher.bytes;
  }
  get fatal(): Promise<never> {
    return this.#fatal.promise;
  }
  get restarts(): number {
    return this.#restarts;
  }
  /** What was done at the console that a user's machine would not have: it grows. */
  get deviations(): readonly Deviation[] {
    return this.#passphraseTyped ? [deviation("passphrase-typed")] : [];
  }
  get takesKeys(): boolean {
    return this.#hands.type !== undefined;
  }
  get hasKernelBanner(): boolean {
    return this.#watcher.seen.hasKernelBanner;
  }
  get hasInitrdWord(): boolean {
    return this.#watcher.seen.hasInitrdWord;
  }
  /** The line that ended the current boot, or null. */
  get fatalLine(): FatalLine | null {
    return this.#watcher.fatal;
  }

  tail(count: number): readonly string[] {
    return this.#watcher.rows.last(count);
  }

  get systemd(): number | null {
    return this.#watcher.rows.systemd;
  }

  /** What firmware and boot loaders of the current boot told of themselves: `U-Boot 2025.01`. */
  get firmware(): readonly string[] {
    return this.#watcher.rows.firmware.said;
  }

  said(count: number): readonly string[] {
    return this.#watcher.rows.last(count, "said");
  }

  onStage(listener: (mark: StageMark) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onRestart(listener: () => void): () => void {
    this.#restartListeners.add(listener);
    return () => void this.#restartListeners.delete(listener);
  }

  async reached(stage: BootStage, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const wanted = bootStages.indexOf(stage);
    const isThere = (): boolean => bootStages.indexOf(this.stage) >= wanted;
    if (isThere()) return;
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        stopListening();
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = () => end(() => reject(signal.reason));
      const stopListening = this.onStage(() => isThere() && end(resolve));
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  async type(text: string): Promise<void> {
    const { type } = this.#hands;
    if (type === undefined)
      throw new MachineFault(`The console of machine '${this.#options.name}' cannot be typed at.`);
    this.#watcher.keyPressed();
    await type(text);
  }

  leaveMenu = (): void => {
    this.#isMenuTaken = true;
    this.#watcher.keyPressed();
  };
  entryPicked = (): void => this.#watcher.entryPicked();

  /** True from `leaveMenu` until the kernel of a boot speaks: its caller chooses what is booted, and nobody else types there. */
  get isMenuTaken(): boolean {
    return this.#isMenuTaken;
  }

  /** The harness cannot go on with the current boot, and says why. */
  giveUp(error: BootgateError): void {
    this.#fatal.reject(error);
  }

  /** Takes what the serial line said. */
  feed(chunk: Uint8Array): void {
    if (chunk.length > 0) this.heardAt = performance.now();
    this.#publish(this.#watcher.feed(chunk, this.#now()));
  }

  poweredOn(): void {
    this.#fatal = newFatalPromise();
    this.#watcher.powerOn(this.#now());
    this.#startTicking();
  }

  /** A forked machine goes on where its template stood. */
  resumed(): void {
    this.#publish(this.#watcher.resume(this.#now()));
    this.#startTicking();
  }

  poweredOff(): void {
    this.#watcher.powerOff();
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#ticker = null;
  }

  machineReset(): void {
    this.#publish(this.#watcher.reset(this.#now()));
  }

  /** The machine, not the console, reports the end of a boot. `meaning` ends the sentence "The image did not boot: …". */
  machineSaid(pattern: string, meaning: string): void {
    this.#publish(this.#watcher.machineSaid(pattern, meaning, this.#now()));
  }

  sshAnswered(): void {
    this.#publish(this.#watcher.sshAnswered(this.#now()));
  }

  guestAnswered(): void {
    this.#publish(this.#watcher.guestAnswered(this.#now()));
  }

  guestLives(): void {
    this.#watcher.quiet.sawScreen(this.#now());
  }

  rebooting(awaited = 0): void {
    this.#fatal = newFatalPromise();
    this.#watcher.rebooting(this.#now(), awaited);
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }

  #startTicking(): void {
    if (this.#ticker !== null) return;
    this.#host.begin(this.#now());
    this.#ticker = setInterval(() => this.#tick(), tickMs).unref();
  }

  #tick(): void {
    const now = this.#now();
    // What came while this process did not run has not been read yet: it may be the sign of life.
    if (this.#host.tick(now)) this.#publish(this.#watcher.tick(now));
  }

  #publish(facts: readonly WatcherFact[]): void {
    for (const fact of facts) {
      if (fact.kind === "stage" && timeProves(fact.mark.stage)) this.#isMenuTaken = false;
      if (fact.kind === "stage") for (const listener of [...this.#listeners]) listener(fact.mark);
      if (fact.kind === "restarted" && !fact.asked) {
        this.#restarts++;
        for (const listener of [...this.#restartListeners]) listener();
      }
      if (fact.kind === "fatal") this.#fatal.reject(fatalError(fact, this.#scene()));
      if (fact.kind === "quiet") void this.#look();
      if (fact.kind === "menu-waits") void this.#pressEnter();
      if (fact.kind === "passphrase-waits") void this.#typePassphrase();
    }
  }

  #scene(): FatalScene {
    const { name, patience } = this.#options;
    return {
      name,
      patience,
      path: this.path,
      said: this.said(12),
      hostTrouble: (waitedMs) => this.#host.trouble(waitedMs, this.#now()),
    };
  }

  /** Time is up by the console's word; a screen that changes shows that the machine lives. */
  async #look(): Promise<void> {
    const { screenChanged } = this.#hands;
    const changes = screenChanged === undefined ? null : await inTime(screenChanged());
    this.#publish(this.#watcher.looked(changes, this.#now()));
  }

  async #pressEnter(): Promise<void> {
    if (this.#hands.pressEnter === undefined) return;
    this.#watcher.keyPressed();
    await this.#hands.pressEnter().catch(() => undefined);
  }

  /** That a machine cannot be typed to is not the fault of its guest. */
  async #typePassphrase(): Promise<void> {
    const { passphrase } = this.#options;
    if (passphrase === undefined) return;
    try {
      await this.type(`${passphrase.reveal()}${keys.enter}`);
      this.#passphraseTyped = true;
    } catch (cause) {
      const why = `Machine '${this.#options.name}' was not told the passphrase of its disk.`;
      this.#fatal.reject(new MachineFault(why, { cause, lookAt: this.path }));
    }
  }
}
