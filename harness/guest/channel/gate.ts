/**
 * Holds SSH back until the guest has said over the root channel that sshd listens: then one login is enough, where
 * polling costs an emulated guest more than a second of processor a try. Where no channel comes, it holds nothing back.
 */
import { isPlainlyUp } from "../../machine/console/came-up.ts";
import type { Machine } from "../../machine/machine.ts";
import { commands } from "../commands.ts";
import { wishIsRead } from "../reach-words.ts";
import type { Reached } from "../reached.ts";
import { awaitChannel } from "./await-channel.ts";
import type { RootChannel } from "./root-channel.ts";

export interface GateOptions {
  readonly machine: Pick<Machine, "console" | "start">;
  readonly channel: RootChannel;
  readonly name: string;
  readonly timeScale: number;
  readonly accept?: ((reached: Reached) => Promise<boolean>) | undefined;
  readonly signal: AbortSignal;
}

/** For sshd to come up once the channel answers, by the guest's own count. Seconds, scaled. */
const listenSeconds = 20;
/**
 * Until SSH is tried without the channel by a guest whose systemd takes the channel's unit: once it has started all, and
 * where its start-up may take long. Milliseconds, scaled.
 */
const graceMs = 10_000;
const longGraceMs = 60_000;
/**
 * The same for a guest whose console does not tell its systemd, from the first word of its sshd on. The channel's unit
 * waits for less than sshd does (both are wanted by multi-user.target, sshd comes after the network). Milliseconds, scaled.
 */
const afterBannerMs = 5000;
/** The same for a fork: its template's channel stands or there is none, and its sshd runs. Milliseconds, scaled. */
const forkMs = 1000;

/** What may be done over SSH: nothing yet, a knock that listens for its sshd and does not log in, or a login. */
export type Allowed = "nothing" | "knock" | "login";

/** `closed`: no word over the channel yet. `up`: it answers. `listens`: so does sshd. `deaf`: sshd has not come up in its time. */
export type GateState = "closed" | "up" | "listens" | "deaf";

export class ChannelGate {
  state: GateState = "closed";
  /** When sshd was seen to listen. */
  listensAt = 0;
  /** Rejects with what `accept` throws; never resolves. */
  readonly failed: Promise<never>;
  readonly #options: GateOptions;
  #dueSince: number | null = null;
  #upSince: number | null = null;
  #askAgain: () => void = () => undefined;
  #word = new AbortController();

  constructor(options: GateOptions) {
    this.#options = options;
    this.failed = new Promise<never>((_, reject) => {
      this.#follow().catch((error: unknown) => {
        if (!options.signal.aborted) reject(error);
      });
    });
    this.failed.catch(() => undefined);
  }

  /** Aborts once the channel has told that sshd listens. */
  get word(): AbortSignal {
    return this.#word.signal;
  }

  /**
   * What may be done over SSH where the console alone would try it now. Of a guest whose console does not tell of its
   * systemd nobody knows whether a channel comes, nor when: `heardAtMs`, the first word of its sshd, tells that it is up.
   */
  allows(heardAtMs: number | null): Allowed {
    if (this.state !== "closed") return this.state === "up" ? "nothing" : "login";
    const { machine, timeScale } = this.#options;
    const { systemd } = machine.console;
    const now = performance.now();
    this.#dueSince ??= now;
    if (this.#isFork) return now - this.#dueSince < forkMs * timeScale ? "nothing" : "login";
    if (systemd === null)
      return heardAtMs !== null && now - heardAtMs >= afterBannerMs * timeScale ? "login" : "knock";
    if (systemd < wishIsRead) return "login";
    // The unit of the channel belongs to what has been started then.
    if (isPlainlyUp(machine.console.said(12))) this.#upSince ??= now;
    const [since, holdMs] =
      this.#upSince === null ? [this.#dueSince, longGraceMs] : [this.#upSince, graceMs];
    return now - since < holdMs * timeScale ? "nothing" : "login";
  }

  /** That has not been rebooted since. */
  get #isFork(): boolean {
    return this.#options.machine.start === "fork" && this.#options.accept === undefined;
  }

  /** Time may change what the guest said of its sshd: it gets its time once more. */
  again(): void {
    if (this.state === "listens") this.listensAt = performance.now();
    if (this.state !== "deaf") return;
    this.state = "up";
    this.#askAgain();
  }

  async #follow(): Promise<void> {
    const { machine, channel, name, timeScale, signal, accept } = this.#options;
    const lookAt = machine.console.path;
    for (;;) {
      const { start } = machine;
      await awaitChannel({ channel, name, lookAt, timeScale, start, signal, accept });
      machine.console.guestAnswered();
      this.state = "up";
      // The template of a fork has been logged in to.
      const seconds = Math.ceil(listenSeconds * Math.max(1, timeScale));
      const heard = this.#isFork ? 0 : await this.#listens(seconds);
      if (heard === 0) this.listensAt = performance.now();
      this.state = heard === 0 ? "listens" : heard === 1 ? "deaf" : "closed";
      if (this.state === "listens") this.#word.abort();
      if (this.state !== "closed") await this.#untilAskedAgain();
    }
  }

  /** Returns when somebody asks again, or when the shell that answered has gone. Rejects with the abort reason. */
  async #untilAskedAgain(): Promise<void> {
    const { channel, signal } = this.#options;
    const asked = new AbortController();
    this.#askAgain = () => asked.abort();
    const either = AbortSignal.any([signal, asked.signal]);
    while (channel.isOpen && !asked.signal.aborted) {
      await channel.changes(either);
      signal.throwIfAborted();
    }
    if (channel.isOpen) return;
    this.state = "closed";
    this.#word = new AbortController();
    this.#dueSince = null;
    this.#upSince = null;
  }

  async #listens(seconds: number): Promise<number | null> {
    const { channel, signal } = this.#options;
    const outcome = await channel.exec(commands.sshListens(seconds), {
      timeoutMs: seconds * 4000,
      maxBytes: 1024,
      signal,
    });
    return outcome.timedOut ? 1 : outcome.exitCode;
  }
}
