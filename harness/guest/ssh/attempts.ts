/**
 * One try after the other to log in over SSH, with patience that grows while the port stays silent. A knock listens for
 * the banner only, which costs the guest one process and no handshake; the socket that heard it is kept for the login.
 */
import type { Socket } from "node:net";
import { BootgateError, CannotTell, messageOf } from "../../base/errors.ts";
import type { Machine } from "../../machine/machine.ts";
import { askBoot, type Reached } from "../reached.ts";
import { sshAddressOf } from "./address-of.ts";
import { openBannerSocket, speaksOtherwise } from "./banner.ts";
import { LoginRefused, login } from "./ssh.ts";
import type { SshKey } from "./ssh-key.ts";

/** Logins a guest may refuse before we believe it: accounts can be late, but each costs the guest CPU. */
const refusalsAllowed = 3;

/** How ssh2 says that an sshd offers only algorithms that it does not have: what an image offers its users is its own choice. */
const nothingInCommon =
  /no matching .{0,60}(?:algorithm|format|cipher|MAC)|no matching [CS]->[CS]/i;

export interface AttemptOptions {
  readonly machine: Pick<Machine, "console" | "sshAddress">;
  readonly name: string;
  readonly key: SshKey;
  readonly timeScale: number;
  /** Looks at a boot that answers; false says that it is not the one waited for. */
  readonly accept?: ((reached: Reached) => Promise<boolean>) | undefined;
  /** Ends every wait of a try, for example when the machine has died. */
  readonly giveUp: AbortSignal;
}

export class Attempts {
  readonly #options: AttemptOptions;
  tries = 0;
  refusals = 0;
  /** True once something in the guest has said bytes on the port: a host's port forward accepts by itself, and says nothing. */
  spoke = false;
  #ended: string | null = null;
  #running: { readonly text: string; readonly sinceMs: number } | null = null;
  #notBefore = 0;
  /** A slow sshd and a port that drops everything look alike, so each silent try waits longer than the last. */
  #bannerMs: number;
  /** What a knock has met: an sshd that speaks, since when, and the connection to it. */
  #heard: { readonly socket: Socket; readonly atMs: number } | null = null;

  constructor(options: AttemptOptions) {
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

  /** The state with the number of tries, for messages. */
  get words(): string {
    return `${this.state} (${this.tries} tries)`;
  }

  /** True when the guest has said often enough that it does not take the key. */
  get isRefused(): boolean {
    return this.refusals >= refusalsAllowed;
  }

  get isResting(): boolean {
    return performance.now() < this.#notBefore;
  }

  /** When a knock met the sshd that it still holds the connection to, by performance.now(); null where none has. */
  get heardAtMs(): number | null {
    return this.#heard?.atMs ?? null;
  }

  /** Ends the connection that a knock has kept. */
  close(): void {
    this.#heard?.socket.destroy();
    this.#heard = null;
  }

  /** Listens for an sshd without logging in, and no longer than until `word` aborts. Rejects with what ends `stop`. */
  async knock(stop: AbortSignal, word: AbortSignal): Promise<void> {
    if (this.#heard !== null) return;
    const bannerMs = this.#bannerMs;
    const socket = await this.#listen(stop, word);
    this.#bannerMs = bannerMs;
    if (socket === null) return;
    socket.on("error", () => undefined);
    this.#heard = { socket, atMs: performance.now() };
    this.#endsWith("an SSH banner came, the login waits for the root channel", 0);
  }

  /** Tries once. Throws bootgate's own errors only. */
  async next(stop: AbortSignal): Promise<Reached | undefined> {
    const socket = this.#takeHeard() ?? (await this.#listen(stop));
    if (socket === null) return undefined;
    this.#endsWith("an SSH banner came, the login did not end", 0);
    return this.#logIn(socket, AbortSignal.any([stop, this.#options.giveUp]));
  }

  /** The connection of a knock, but not where a boot before may have answered it: that one hangs once its sshd is gone. */
  #takeHeard(): Socket | null {
    const { socket = null } = this.#heard ?? {};
    this.#heard = null;
    if (socket === null || (this.#options.accept === undefined && !socket.destroyed)) return socket;
    socket.destroy();
    return null;
  }

  async #listen(stop: AbortSignal, word?: AbortSignal): Promise<Socket | null> {
    this.tries++;
    const { machine, giveUp } = this.#options;
    const address = await sshAddressOf(machine, stop);
    const signal = AbortSignal.any([stop, giveUp, ...(word === undefined ? [] : [word])]);
    const onProgress = (text: string): void => {
      this.spoke ||= text.includes(speaksOtherwise);
      this.#running = { text, sinceMs: performance.now() };
    };
    try {
      const socket = await openBannerSocket(address, {
        timeoutMs: this.#bannerMs,
        signal,
        onProgress,
      });
      this.spoke = true;
      return socket;
    } catch (error) {
      const reason = messageOf(error);
      const silent = reason.includes("no SSH banner has come");
      this.#bannerMs = Math.min(this.#bannerMs * (silent ? 1.5 : 1), 60_000);
      this.#endsWith(reason, word?.aborted === true ? 0 : 300);
      return null;
    }
  }

  async #logIn(socket: Socket, signal: AbortSignal): Promise<Reached | undefined> {
    const { key, timeScale, accept, name, machine } = this.#options;
    const scale = Math.max(1, timeScale);
    try {
      const connection = await login(socket, {
        key,
        timeoutMs: 30_000 * scale,
        keepaliveMs: 10_000 * scale,
        signal,
      });
      let keep = false;
      try {
        const lookAt = machine.console.path;
        const reached = await askBoot(connection, {
          name,
          lookAt,
          timeoutMs: 30_000 * scale,
          signal,
        });
        keep = accept === undefined || (await accept(reached));
        if (keep) return reached;
      } finally {
        if (!keep) connection.end();
      }
      this.#endsWith("the boot before the reboot still answers", 2000);
    } catch (error) {
      if (error instanceof LoginRefused) this.refusals++;
      else if (error instanceof BootgateError) throw error;
      else if (nothingInCommon.test(messageOf(error)))
        throw new CannotTell(
          `Guest '${name}' answers on SSH, and its sshd and the harness's client do not have an algorithm in common.`,
          {
            details: {
              said: messageOf(error),
              "how to": "'--transport channel' plays the stories over the root channel instead",
            },
            lookAt: machine.console.path,
          },
        );
      this.#endsWith(messageOf(error), 1000);
    }
    return undefined;
  }

  #endsWith(text: string, restMs: number): void {
    this.#ended = text;
    this.#running = null;
    this.#notBefore = performance.now() + restMs * Math.min(1, this.#options.timeScale);
  }
}
