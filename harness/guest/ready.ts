/**
 * From power-on to an open SSH connection. The console has the first word: sshd is asked only once user space is there,
 * or when the console has gone quiet (an image without `console=`), and a fatal line ends the wait at once.
 */
import type { Socket } from "node:net";
import { BootFailed, type BootgateError } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import { waitFor } from "../base/wait.ts";
import { bootStages, type Console } from "../machine/console/console.ts";
import type { Machine } from "../machine/machine.ts";
import { excerptEnd } from "./excerpt.ts";
import { openBannerSocket } from "./ssh/banner.ts";
import { LoginRefused, login, type SshConnection } from "./ssh/ssh.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { Trouble } from "./trouble.ts";

export interface ReadyOptions {
  readonly machine: Pick<Machine, "console" | "sshAddress">;
  readonly name: string;
  readonly key: SshKey;
  readonly timeoutMs: number;
  /** Stretches the small limits: 1 with hardware acceleration. */
  readonly timeScale: number;
  readonly trouble: Trouble;
  readonly signal: AbortSignal;
  /** Looks at a fresh connection; false says that it is not the one waited for. */
  readonly accept?: (connection: SshConnection) => Promise<boolean>;
  /** The error when time runs out. Default: BootFailed for a power-on. */
  readonly onTimeout?: (details: Readonly<Record<string, string>>) => BootgateError;
}

/** Logins a guest may refuse before we believe it: accounts can be late, but each costs the guest CPU. */
const refusalsAllowed = 3;
/** A guest that asks for a login on its console has started its services; SSH gets this much longer. Milliseconds, scaled. */
const afterPromptMs = 15_000;
const loginPrompt = /\blogin: *$/;
/** A console with no new byte for this long is quiet. Milliseconds, scaled. */
const quietMs = 5000;

/** Waits and logs in. Throws what `trouble` rejects with, BootFailed, or the abort reason. */
export async function waitForSsh(options: ReadyOptions): Promise<SshConnection> {
  const { machine, name, timeoutMs, signal, trouble } = options;
  const attempts = new Attempts(options);
  const connection = await waitFor({
    what: `guest '${name}' to answer on SSH`,
    probe: (stop) => attempts.next(stop),
    timeoutMs,
    intervalMs: 100,
    signal,
    giveUpWhen: trouble.promise,
    onTimeout: () => {
      const details = {
        "last try": `${attempts.state} (${attempts.tries} tries)`,
        stage: machine.console.stage,
        console: consoleTail(machine.console),
      };
      return options.onTimeout?.(details) ?? tooLate(options, details);
    },
  });
  machine.console.sshAnswered();
  return connection;
}

/** What the console showed last, for messages. */
export function consoleTail(console: Console): string {
  const lines = console.tail(5);
  return lines.length === 0 ? "it has not said a word" : excerptEnd(lines.join("\n"), 600);
}

function tooLate(
  { machine, name, timeoutMs }: ReadyOptions,
  details: Readonly<Record<string, string>>,
): BootFailed {
  return new BootFailed(
    `Guest '${name}' did not answer on SSH within ${formatDuration(timeoutMs)}.`,
    { stage: machine.console.stage, details, lookAt: machine.console.path },
  );
}

/** One try after the other, with patience that grows while the port stays silent. */
class Attempts {
  readonly #options: ReadyOptions;
  tries = 0;
  #ended: string | null = null;
  #running: { readonly text: string; readonly sinceMs: number } | null = null;
  #refusals = 0;
  #bytes = -1;
  #bytesAt = 0;
  #notBefore = 0;
  #promptSeenAt: number | null = null;
  /** A slow sshd and a port that drops everything look alike, so each silent try waits longer than the last. */
  #bannerMs: number;

  constructor(options: ReadyOptions) {
    this.#options = options;
    this.#bannerMs = 3000 * Math.max(1, options.timeScale);
  }

  /** How the last try ended; the running one only once it has lasted, since time may run out anywhere. */
  get state(): string {
    const lasts = this.#running !== null && performance.now() - this.#running.sinceMs > 500;
    const running = this.#running?.text ?? null;
    const ended = lasts ? (running ?? this.#ended) : (this.#ended ?? running);
    return ended ?? "none yet: the console has not shown user space";
  }

  #goesOn(text: string): void {
    this.#running = { text, sinceMs: performance.now() };
  }

  #endsWith(text: string): void {
    this.#ended = text;
    this.#running = null;
  }

  async next(stop: AbortSignal): Promise<SshConnection | undefined> {
    if (!this.#mayTry()) return undefined;
    this.#refuseUnreachable();
    this.tries++;
    const { machine } = this.#options;
    const address = await machine.sshAddress(stop);
    const signal = AbortSignal.any([stop, this.#options.trouble.signal]);
    const onProgress = (state: string): void => this.#goesOn(state);
    let socket: Socket;
    try {
      socket = await openBannerSocket(address, { timeoutMs: this.#bannerMs, signal, onProgress });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#endsWith(reason);
      const silent = reason.includes("no SSH banner has come");
      this.#bannerMs = Math.min(this.#bannerMs * (silent ? 1.5 : 1), 60_000);
      this.#rest(300);
      return undefined;
    }
    this.#endsWith("an SSH banner came, the login did not end");
    return this.#logIn(socket, signal);
  }

  /** The console decides: user space is there, or it has said nothing for a while. */
  #mayTry(): boolean {
    const { console } = this.#options.machine;
    const now = performance.now();
    if (console.bytes !== this.#bytes) {
      this.#bytes = console.bytes;
      this.#bytesAt = now;
    }
    if (now < this.#notBefore) return false;
    const isUp = bootStages.indexOf(console.stage) >= bootStages.indexOf("userspace");
    return isUp || now - this.#bytesAt >= quietMs * this.#options.timeScale;
  }

  /** User space that is up and cannot be reached will not be reached by waiting: the image lost its network or its sshd. */
  #refuseUnreachable(): void {
    const { machine, name, timeScale, onTimeout } = this.#options;
    const { console } = machine;
    const now = performance.now();
    if (console.stage === "userspace" && console.tail(5).some((line) => loginPrompt.test(line))) {
      this.#promptSeenAt ??= now;
    }
    const patienceMs = afterPromptMs * timeScale;
    if (this.#promptSeenAt === null || now - this.#promptSeenAt < patienceMs) return;
    const details = { "last try": `${this.state} (${this.tries} tries)`, stage: console.stage };
    throw (
      onTimeout?.(details) ??
      new BootFailed(
        `Guest '${name}' came up to its login prompt and did not answer on SSH within ${formatDuration(patienceMs)} of it.`,
        { stage: console.stage, details, lookAt: console.path },
      )
    );
  }

  async #logIn(socket: Socket, signal: AbortSignal): Promise<SshConnection | undefined> {
    const { key, timeScale, accept } = this.#options;
    try {
      const connection = await login(socket, {
        key,
        timeoutMs: 30_000 * Math.max(1, timeScale),
        keepaliveMs: 10_000 * Math.max(1, timeScale),
        signal,
      });
      if (accept === undefined || (await accept(connection))) return connection;
      connection.end();
      this.#endsWith("the boot before the reboot still answers");
      this.#rest(2000);
    } catch (error) {
      if (error instanceof LoginRefused) this.#countRefusal();
      else if (error instanceof Error && "blame" in error) throw error;
      this.#endsWith(error instanceof Error ? error.message : String(error));
      this.#rest(1000);
    }
    return undefined;
  }

  #countRefusal(): void {
    this.#refusals++;
    if (this.#refusals < refusalsAllowed) return;
    const { name, machine } = this.#options;
    throw new BootFailed(
      `Guest '${name}' answers on SSH but does not take the harness's key (${this.#refusals} tries).`,
      {
        stage: machine.console.stage,
        details: {
          "how to":
            "the key comes as systemd credential 'tmpfiles.extra'; does the image's systemd read it, and may root log in?",
        },
        lookAt: machine.console.path,
      },
    );
  }

  #rest(ms: number): void {
    this.#notBefore = performance.now() + ms * Math.min(1, this.#options.timeScale);
  }
}
