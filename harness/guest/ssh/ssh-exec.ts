/**
 * One command over an SSH connection, to its end, its limit, or the connection's end, whichever comes first. Output is
 * hostile: what goes over the cap is dropped and ends the command.
 */

import type { Client, ClientChannel } from "ssh2";
import { messageOf } from "../../base/errors.ts";
import { CappedText, type ExecLimits, type ExecOutcome } from "../transport.ts";

/** Stories read messages, so they are asked for untranslated. Distributions' sshd accepts it (sshd_config(5), AcceptEnv LC_*). */
const untranslated = { LC_ALL: "C" };

/** Runs one command. `whyClosed` tells why the connection is gone, or null. Rejects with the abort reason only. */
export function execOver(
  client: Client,
  whyClosed: () => string | null,
  command: string,
  limits: ExecLimits,
): Promise<ExecOutcome> {
  return new Promise((resolve, reject) => {
    const running = new RunningCommand(client, limits, resolve, reject);
    if (limits.signal.aborted) running.abort();
    else if (whyClosed() !== null) running.end({ lost: whyClosed() });
    else running.start(command, () => running.end({ lost: whyClosed() ?? "it was closed" }));
  });
}

class RunningCommand {
  readonly #client: Client;
  readonly #limits: ExecLimits;
  readonly #resolve: (outcome: ExecOutcome) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #started = performance.now();
  readonly #stdout: CappedText;
  readonly #stderr: CappedText;
  readonly abort = (): void => this.#settle(() => this.#reject(this.#limits.signal.reason));
  #timer: NodeJS.Timeout | undefined;
  #onLost: () => void = () => undefined;
  #channel: ClientChannel | null = null;
  #exit: { readonly code: number | null } | null = null;
  #settled = false;

  constructor(
    client: Client,
    limits: ExecLimits,
    resolve: (outcome: ExecOutcome) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#client = client;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stdout = new CappedText(limits.maxBytes);
    this.#stderr = new CappedText(limits.maxBytes);
  }

  start(command: string, onLost: () => void): void {
    this.#onLost = onLost;
    this.#timer = setTimeout(() => this.end({ timedOut: true }), this.#limits.timeoutMs);
    this.#limits.signal.addEventListener("abort", this.abort, { once: true });
    this.#client.on("close", onLost);
    try {
      this.#client.exec(command, { env: untranslated }, (error, channel) => {
        if (error === undefined) this.#attach(channel);
        else this.end({ lost: error.message });
      });
    } catch (error) {
      this.end({ lost: messageOf(error) });
    }
  }

  #attach(channel: ClientChannel): void {
    this.#channel = channel;
    channel.on("error", () => undefined);
    if (this.#settled) {
      letGo(channel);
      return;
    }
    channel.on("exit", (code: number | null) => {
      this.#exit = { code };
    });
    const take = (text: CappedText) => (chunk: Buffer) => {
      if (!this.#settled && !text.add(chunk)) this.end({ truncated: true });
    };
    channel.on("data", take(this.#stdout));
    channel.stderr.on("data", take(this.#stderr));
    channel.on("close", () => (this.#exit === null ? this.#onLost() : this.end({})));
    channel.end(this.#limits.input ?? "");
  }

  end(how: { truncated?: boolean; timedOut?: boolean; lost?: string | null }): void {
    this.#settle(() =>
      this.#resolve({
        stdout: this.#stdout.text(),
        stderr: this.#stderr.text(),
        exitCode: this.#exit?.code ?? null,
        durationMs: performance.now() - this.#started,
        truncated: how.truncated ?? false,
        timedOut: how.timedOut ?? false,
        lost: how.lost ?? null,
      }),
    );
  }

  #settle(done: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#limits.signal.removeEventListener("abort", this.abort);
    this.#client.off("close", this.#onLost);
    if (this.#channel !== null && this.#exit === null) letGo(this.#channel);
    done();
  }
}

/**
 * Lets go of the command behind a channel. What writes ends by it (SIGPIPE). What is silent may live on in the guest:
 * OpenSSH refuses signals for root's sessions ("session signalling requires privilege separation", seen with 9.2), and
 * a guest whose command hangs is thrown away soon.
 */
function letGo(channel: ClientChannel): void {
  try {
    channel.close();
    channel.destroy();
  } catch {
    // The connection is gone already, and the command with it.
  }
}
