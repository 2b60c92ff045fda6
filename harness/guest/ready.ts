/**
 * From power-on to an open SSH connection. The console has the first word: sshd is asked only once user space is there,
 * or when the console has gone quiet (an image without `console=`), and a fatal line ends the wait at once. Where the
 * root channel answers, it tells when sshd listens, and why it does not.
 */
import { type BootgateError, CannotTell } from "../base/errors.ts";
import { type HostSample, hostSince, sampleHost } from "../base/host-health.ts";
import { formatDuration } from "../base/units.ts";
import { waitFor } from "../base/wait.ts";
import { isAllStarted, isPlainlyUp } from "../machine/console/came-up.ts";
import { bootStages } from "../machine/console/console.ts";
import { ChannelGate } from "./channel/gate.ts";
import type { TimedReach } from "./reach-options.ts";
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
import { SshdOnConsole } from "./sshd-on-console.ts";

/** A guest that has started its services by its console, or whose sshd listens; SSH gets this much longer. Milliseconds, scaled. */
const afterStartMs = 15_000;
/** After a login prompt alone: a getty does not wait for services, and sshd may wait a minute for the network (nm-online(1)). */
const afterPromptMs = 75_000;
/** A console with no new byte for this long is quiet. Milliseconds, scaled. */
const quietMs = 5000;

/** Waits and logs in. Throws what `trouble` rejects with, BootFailed, CannotTell, or the abort reason. */
export async function waitForSsh(options: TimedReach): Promise<Reached> {
  const { machine, name, timeoutMs, time, timeScale, signal, trouble, channel, accept } = options;
  const stop = new AbortController();
  const gateSignal = AbortSignal.any([signal, stop.signal, trouble.signal]);
  const gate =
    channel === null
      ? null
      : new ChannelGate({ machine, channel, name, timeScale, accept, signal: gateSignal });
  const wait = new SshWait(options, gate);
  try {
    const reached = await waitFor({
      what: `guest '${name}' to answer on SSH`,
      probe: (ends) => wait.next(ends),
      timeoutMs,
      moreMs: time.more,
      intervalMs: 100,
      signal,
      giveUpWhen: gate === null ? trouble.promise : Promise.race([trouble.promise, gate.failed]),
      onTimeout: () => wait.timeIsUp(),
    });
    machine.console.sshAnswered();
    return reached;
  } finally {
    stop.abort();
    wait.close();
  }
}

interface Pending {
  readonly error: BootgateError;
  readonly situation: SshSituation;
  readonly spoke: boolean;
}

class SshWait {
  readonly #options: TimedReach;
  readonly #gate: ChannelGate | null;
  readonly #attempts: Attempts;
  readonly #began = sampleHost();
  #bytes = -1;
  #bytesAt = 0;
  /** The host when the guest was first seen to be plainly up. */
  #upSeen: HostSample | null = null;
  #isAllStarted = false;
  readonly #sshd: SshdOnConsole;
  /** What the guest said last that time may still change (its sshd was starting), and how it was met then. */
  #pending: Pending | null = null;

  constructor(options: TimedReach, gate: ChannelGate | null) {
    this.#options = options;
    this.#gate = gate;
    this.#sshd = new SshdOnConsole(options.timeScale);
    this.#attempts = new Attempts({ ...options, giveUp: options.trouble.signal });
  }

  /** Lets go of what a try has left. */
  close(): void {
    this.#attempts.close();
  }

  /** The error for a wait whose time is over. */
  timeIsUp(): BootgateError {
    const { machine, time, onTimeout } = this.#options;
    const { console } = machine;
    const timeoutMs = time.plannedMs;
    const details = {
      "last try": this.#attempts.words,
      stage: console.stage,
      console: consoleTail(console),
    };
    const host = this.#hostSince(this.#began, timeoutMs);
    return (
      host.full ??
      this.#stillTrue() ??
      onTimeout?.(details, { host, waitedMs: timeoutMs }) ??
      tooLate({ ...this.#options, timeoutMs, spoke: this.#attempts.spoke, host }, details)
    );
  }

  /** What the guest said last, unless something has listened or spoken on the port since: then that is over. */
  #stillTrue(): BootgateError | null {
    if (this.#pending === null) return null;
    const { error, situation, spoke } = this.#pending;
    const listens = situation === "not-listening" && this.#gate?.state === "listens";
    return listens || (this.#attempts.spoke && !spoke) ? null : error;
  }

  async next(stop: AbortSignal): Promise<Reached | undefined> {
    if (this.#gate?.state === "deaf") await this.#askWhy("not-listening", stop);
    if (this.#attempts.isResting || !this.#isDue()) return undefined;
    const allowed = this.#gate?.allows(this.#attempts.heardAtMs) ?? "login";
    if (allowed === "nothing") return undefined;
    await this.#refuseUnreachable(stop);
    if (allowed === "knock" && this.#gate !== null) {
      await this.#attempts.knock(stop, this.#gate.word);
      return undefined;
    }
    const reached = await this.#attempts.next(stop);
    if (reached === undefined && this.#attempts.isRefused) await this.#keyRefused(stop);
    return reached;
  }

  #hostSince(since: HostSample, plannedMs: number): ReturnType<typeof hostSince> {
    const { accelerator, console } = this.#options.machine;
    return hostSince(since, { plannedMs, guestIsHere: runsHere(accelerator), log: console.path });
  }

  /** By the console: user space is there, or it has said nothing for a while. */
  #isDue(): boolean {
    const { console } = this.#options.machine;
    const now = performance.now();
    if (console.bytes !== this.#bytes) {
      this.#bytes = console.bytes;
      this.#bytesAt = now;
    }
    const isUp = bootStages.indexOf(console.stage) >= bootStages.indexOf("userspace");
    // It restarted by itself: what was seen is of the boot before.
    if (!isUp) this.#upSeen = null;
    return isUp || now - this.#bytesAt >= quietMs * this.#options.timeScale;
  }

  /** User space that is up and cannot be reached will not be reached by waiting. Only the guest knows why: it may lack an sshd. */
  async #refuseUnreachable(stop: AbortSignal): Promise<void> {
    const { machine, name, timeScale, onTimeout } = this.#options;
    const { console } = machine;
    const now = performance.now();
    if (this.#gate?.state === "listens") {
      const isLate = now - this.#gate.listensAt >= afterStartMs * timeScale;
      if (this.#attempts.tries === 0 || !isLate) return;
      // One that has refused the key does answer, however slowly.
      if (this.#attempts.refusals > 0) await this.#askWhy("key-refused", stop);
      // So does one that has spoken: its login may wait for a name server that is not there, and has the whole time.
      else if (!this.#attempts.spoke) await this.#askWhy("unanswered", stop);
      return;
    }
    const rows = console.stage === "userspace" ? console.said(12) : [];
    if (this.#upSeen === null) this.#isAllStarted = false;
    if (isPlainlyUp(rows)) this.#upSeen ??= sampleHost();
    this.#isAllStarted ||= isAllStarted(rows);
    const sshd = this.#sshd.look(console, now);
    // What was waited for until then was the start before: this one gets its time too.
    if (sshd === "came-up" && this.#upSeen !== null) this.#upSeen = sampleHost();
    const since = this.#upSeen;
    const patienceMs = (this.#isAllStarted ? afterStartMs : afterPromptMs) * timeScale;
    if (since === null || now - since.atMs < patienceMs) return;
    // Something speaks on the port: that may be a login that takes its time.
    if (this.#attempts.spoke || sshd === "may-come") return;
    const awaited = stillAwaited(console);
    const waits = awaited === undefined ? {} : { "waits for": awaited };
    const lastTry = this.#attempts.words;
    const gaveUp = `${formatDuration(patienceMs)} after the console showed that it is up`;
    const details = { "gave up": gaveUp, "last try": lastTry, stage: console.stage, ...waits };
    const waitedMs = now - this.#began.atMs;
    const host = this.#hostSince(since, now - since.atMs);
    throw (
      host.full ??
      sshdFailureOn(machine, name, details) ??
      onTimeout?.(details, { host, waitedMs }) ??
      notAsked(
        `Guest '${name}' came up, and nothing answered on SSH within ${formatDuration(patienceMs)} of it: nothing can be asked of it.`,
        console,
        details,
      )
    );
  }

  /** What only the guest can tell. Throws, unless the channel has gone meanwhile or time may still change it. */
  async #askWhy(situation: SshSituation, stop: AbortSignal): Promise<void> {
    const { channel, machine, name, timeScale, accept, key } = this.#options;
    if (channel === null || !channel.isOpen) return;
    const { stage, path } = machine.console;
    const { error, isOpen } = await sshTrouble({
      channel,
      name,
      stage,
      lookAt: path,
      timeScale,
      situation,
      signal: stop,
      lastTry: this.#attempts.words,
      publicKey: key.publicKey,
      answeredBefore: accept !== undefined,
      host: this.#hostSince(this.#began, performance.now() - this.#began.atMs),
    });
    if (!isOpen || this.#gate === null) throw error;
    this.#pending = { error, situation, spoke: this.#attempts.spoke };
    this.#gate.again();
  }

  async #keyRefused(stop: AbortSignal): Promise<never> {
    await this.#askWhy("key-refused", stop);
    // Whom an sshd lets in is the image's choice, and the key is the harness's: without the channel nobody can tell.
    const { name, machine } = this.#options;
    const { path: lookAt } = machine.console;
    const headline = `Guest '${name}' answers on SSH but does not take the harness's key (${this.#attempts.refusals} tries).`;
    const details = {
      "how to":
        "the key comes as systemd credential 'tmpfiles.extra'; does the image's systemd read it, and may root log in?",
    };
    throw new CannotTell(headline, { details, lookAt });
  }
}
