/**
 * From power-on to an open SSH connection. The console has the first word: sshd is asked only once user space is there,
 * or when the console has gone quiet (an image without `console=`), and a fatal line ends the wait at once. Where the
 * root channel answers, it tells when sshd listens, and why it does not.
 */
import { BootFailed, CannotTell } from "../base/errors.ts";
import { type HostSample, type HostVerdict, hostSince, sampleHost } from "../base/host-health.ts";
import { formatDuration } from "../base/units.ts";
import { waitFor } from "../base/wait.ts";
import { isPlainlyUp } from "../machine/console/came-up.ts";
import { bootStages } from "../machine/console/console.ts";
import { ChannelGate } from "./channel/gate.ts";
import type { ReachOptions } from "./reach-options.ts";
import {
  consoleTail,
  notAsked,
  runsHere,
  sshdFailureOn,
  stillAwaited,
  tooLate,
} from "./reach-words.ts";
import type { Reached } from "./reached.ts";
import { Attempts } from "./ssh/attempts.ts";
import { type SshSituation, sshTrouble } from "./ssh-trouble.ts";

/** A guest that is plainly up by its console, or whose sshd listens, has started its services; SSH gets this much longer. Milliseconds, scaled. */
const afterPromptMs = 15_000;
/** A console with no new byte for this long is quiet. Milliseconds, scaled. */
const quietMs = 5000;

/** Waits and logs in. Throws what `trouble` rejects with, BootFailed, CannotTell, or the abort reason. */
export async function waitForSsh(options: ReachOptions): Promise<Reached> {
  const { machine, name, timeoutMs, timeScale, signal, trouble, channel, accept } = options;
  const stop = new AbortController();
  const gateSignal = AbortSignal.any([signal, stop.signal, trouble.signal]);
  const gate =
    channel === null
      ? null
      : new ChannelGate({ machine, channel, name, timeScale, accept, signal: gateSignal });
  const hostBefore = sampleHost();
  const guestIsHere = runsHere(machine.accelerator);
  const host = (plannedMs: number, since = hostBefore): HostVerdict =>
    hostSince(since, { plannedMs, guestIsHere });
  const wait = new SshWait(options, gate, host);
  try {
    const reached = await waitFor({
      what: `guest '${name}' to answer on SSH`,
      probe: (ends) => wait.next(ends),
      timeoutMs,
      intervalMs: 100,
      signal,
      giveUpWhen: gate === null ? trouble.promise : Promise.race([trouble.promise, gate.failed]),
      onTimeout: () => {
        const details = {
          "last try": wait.words,
          stage: machine.console.stage,
          console: consoleTail(machine.console),
        };
        const late = { ...options, spoke: wait.spoke, host: host(timeoutMs) };
        return options.onTimeout?.(details, late.host) ?? tooLate(late, details);
      },
    });
    machine.console.sshAnswered();
    return reached;
  } finally {
    stop.abort();
  }
}

class SshWait {
  readonly #options: ReachOptions;
  readonly #gate: ChannelGate | null;
  /** Judges the host since an earlier look at it. */
  readonly #host: (plannedMs: number, since: HostSample) => HostVerdict;
  readonly #attempts: Attempts;
  #bytes = -1;
  #bytesAt = 0;
  /** The host when the guest was first seen to be plainly up. */
  #upSeen: HostSample | null = null;

  constructor(
    options: ReachOptions,
    gate: ChannelGate | null,
    host: (plannedMs: number, since: HostSample) => HostVerdict,
  ) {
    this.#options = options;
    this.#host = host;
    this.#gate = gate;
    this.#attempts = new Attempts({ ...options, giveUp: options.trouble.signal });
  }

  get words(): string {
    return this.#attempts.words;
  }

  get spoke(): boolean {
    return this.#attempts.spoke;
  }

  async next(stop: AbortSignal): Promise<Reached | undefined> {
    if (this.#gate?.state === "deaf") await this.#askWhy("not-listening", stop);
    if (this.#attempts.isResting || !this.#mayTry()) return undefined;
    await this.#refuseUnreachable(stop);
    const reached = await this.#attempts.next(stop);
    if (reached === undefined && this.#attempts.isRefused) await this.#keyRefused(stop);
    return reached;
  }

  /** The channel decides where there is one, else the console: user space is there, or it has said nothing for a while. */
  #mayTry(): boolean {
    const { console } = this.#options.machine;
    const now = performance.now();
    if (console.bytes !== this.#bytes) {
      this.#bytes = console.bytes;
      this.#bytesAt = now;
    }
    const isUp = bootStages.indexOf(console.stage) >= bootStages.indexOf("userspace");
    const isDue = isUp || now - this.#bytesAt >= quietMs * this.#options.timeScale;
    return isDue && this.#gate?.holds() !== true;
  }

  /** User space that is up and cannot be reached will not be reached by waiting. Only the guest knows why: it may lack an sshd. */
  async #refuseUnreachable(stop: AbortSignal): Promise<void> {
    const { machine, name, timeScale, onTimeout } = this.#options;
    const { console } = machine;
    const now = performance.now();
    const patienceMs = afterPromptMs * timeScale;
    if (this.#gate?.state === "listens") {
      const tried = this.#attempts.tries > 0 && now - this.#gate.listensAt >= patienceMs;
      if (tried) await this.#askWhy("unanswered", stop);
      return;
    }
    if (console.stage === "userspace" && isPlainlyUp(console.said(12)))
      this.#upSeen ??= sampleHost();
    const since = this.#upSeen;
    if (since === null || now - since.atMs < patienceMs) return;
    // Something speaks on the port: that may be a login that takes its time.
    if (this.#attempts.spoke) return;
    const awaited = stillAwaited(console);
    const waits = awaited === undefined ? {} : { "waits for": awaited };
    const gaveUp = `${formatDuration(patienceMs)} after the console showed that it is up`;
    const details = { "gave up": gaveUp, "last try": this.words, stage: console.stage, ...waits };
    throw (
      onTimeout?.(details, this.#host(now - since.atMs, since)) ??
      sshdFailureOn(console)?.(name, details) ??
      notAsked(
        `Guest '${name}' came up, and nothing answered on SSH within ${formatDuration(patienceMs)} of it: nothing can be asked of it.`,
        console,
        details,
      )
    );
  }

  /** What only the guest can tell. Throws, unless the channel has gone meanwhile. */
  async #askWhy(situation: SshSituation, stop: AbortSignal): Promise<void> {
    const { channel, machine, name, timeScale, accept } = this.#options;
    if (channel === null || !channel.isOpen) return;
    const { stage, path } = machine.console;
    throw await sshTrouble({
      channel,
      name,
      stage,
      lookAt: path,
      timeScale,
      situation,
      signal: stop,
      lastTry: this.words,
      answeredBefore: accept !== undefined,
    });
  }

  async #keyRefused(stop: AbortSignal): Promise<never> {
    await this.#askWhy("key-refused", stop);
    const { name, machine, accept } = this.#options;
    const { stage, path: lookAt } = machine.console;
    const headline = `Guest '${name}' answers on SSH but does not take the harness's key (${this.#attempts.refusals} tries).`;
    const details = {
      "how to":
        "the key comes as systemd credential 'tmpfiles.extra'; does the image's systemd read it, and may root log in?",
    };
    if (accept !== undefined) throw new BootFailed(headline, { stage, details, lookAt });
    throw new CannotTell(headline, { details, lookAt });
  }
}
