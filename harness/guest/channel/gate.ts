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
 * Until SSH is tried without the channel: for a guest that has had it before, or of which nobody knows whether its systemd
 * takes the channel's unit, and for one whose systemd does but whose start-up may take long. Milliseconds, scaled.
 */
const graceMs = 10_000;
const longGraceMs = 60_000;

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

  constructor(options: GateOptions) {
    this.#options = options;
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
    const { machine, timeScale } = this.#options;
    const { systemd } = machine.console;
    if (systemd !== null && systemd < wishIsRead) return false;
    const now = performance.now();
    this.#dueSince ??= now;
    // The unit of the channel belongs to what has been started then.
    if (isPlainlyUp(machine.console.said(12))) this.#upSince ??= now;
    const comes = systemd !== null && this.#upSince === null;
    const [since, holdMs] = comes
      ? [this.#dueSince, longGraceMs]
      : [this.#upSince ?? this.#dueSince, graceMs];
    return now - since < holdMs * timeScale;
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
      const isFork = machine.start === "fork" && accept === undefined;
      const seconds = Math.ceil(listenSeconds * Math.max(1, timeScale));
      const heard = isFork ? 0 : await this.#listens(seconds);
      if (heard === 0) this.listensAt = performance.now();
      this.state = heard === 0 ? "listens" : heard === 1 ? "deaf" : "closed";
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
