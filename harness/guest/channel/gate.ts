/**
 * Holds SSH back until the guest has said over the root channel that sshd listens: then one login is enough, where
 * polling costs an emulated guest more than a second of processor a try. Where no channel comes, it holds nothing back.
 */
import type { Machine } from "../../machine/machine.ts";
import { commands } from "../commands.ts";
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
/** A guest whose channel has answered before gets this long until SSH is tried without it. Milliseconds, scaled. */
const graceMs = 10_000;
/** One of which nobody knows yet whether its systemd takes the channel's unit. Milliseconds, scaled. */
const firstGraceMs = 3000;

/** `closed`: no word over the channel yet. `up`: it answers. `listens`: so does sshd. `deaf`: sshd has not come up in its time. */
export type GateState = "closed" | "up" | "listens" | "deaf";

export class ChannelGate {
  state: GateState = "closed";
  /** When sshd was seen to listen. */
  listensAt = 0;
  /** Rejects with what `accept` throws; never resolves. */
  readonly failed: Promise<never>;
  readonly #options: GateOptions;
  readonly #expected: boolean;
  #dueSince: number | null = null;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#expected = options.channel.hasAnswered;
    this.failed = new Promise<never>((_, reject) => {
      this.#follow().catch((error: unknown) => {
        if (!options.signal.aborted) reject(error);
      });
    });
    this.failed.catch(() => undefined);
  }

  /** Whether SSH, which would be tried now by the console alone, waits for the channel's word. */
  holds(): boolean {
    if (this.state !== "closed") return this.state === "up";
    this.#dueSince ??= performance.now();
    const holdMs = this.#expected ? graceMs : firstGraceMs;
    return performance.now() - this.#dueSince < holdMs * this.#options.timeScale;
  }

  async #follow(): Promise<void> {
    const { machine, channel, name, timeScale, signal, accept } = this.#options;
    const lookAt = machine.console.path;
    while (this.state !== "listens" && this.state !== "deaf") {
      const { start } = machine;
      await awaitChannel({ channel, name, lookAt, timeScale, start, signal, accept });
      machine.console.guestAnswered();
      this.state = "up";
      // The template of a fork has been logged in to.
      const isFork = machine.start === "fork" && accept === undefined;
      const seconds = Math.ceil(listenSeconds * Math.max(1, timeScale));
      const heard = isFork ? 0 : await this.#listens(seconds);
      if (heard === 0) this.listensAt = performance.now();
      this.state = heard === 0 ? "listens" : heard === 1 ? "deaf" : "closed";
    }
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
