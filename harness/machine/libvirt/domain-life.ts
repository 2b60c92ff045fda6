/**
 * One domain of libvirt's, from its definition to its end. It is started by a virsh that stays on the line with
 * `--autodestroy`: when that ends, as it does when the harness is killed, the daemon ends the domain at once (virsh(1)).
 * The definition outlives it and bears the harness's label, so that it is found and removed later (`reap.ts`).
 */
import { HostUnfit, MachineFault, messageOf } from "../../base/errors.ts";
import type { ExitFacts, OwnedProcess } from "../../base/process.ts";
import { waitFor } from "../../base/wait.ts";
import { exitDetails } from "../qemu/qemu-process.ts";
import type { QmpEvent } from "../qemu/qmp.ts";
import { type LifecycleEvent, lineSplitter, parseLifecycle, parseMonitorEvent } from "./events.ts";
import { undefineWords, type Virsh } from "./virsh.ts";

export interface LifeListeners {
  readonly onLifecycle: (event: LifecycleEvent) => void;
  readonly onMonitor: (event: QmpEvent) => void;
  /** The line to libvirt broke off although nobody ended it. */
  readonly onLost: (error: MachineFault) => void;
}

export interface LifeBudgets {
  /** For an event that libvirt has to tell, in milliseconds. */
  readonly eventMs: number;
  /** For a domain to start, in milliseconds. */
  readonly startMs: number;
}

const none = new AbortController().signal;

export class DomainLife {
  readonly #virsh: Virsh;
  readonly #name: string;
  readonly #listeners: LifeListeners;
  readonly #budgets: LifeBudgets;
  readonly #told = new Set<string>();
  #events: OwnedProcess | null = null;
  #holder: OwnedProcess | null = null;
  #isEnding = false;
  #isDefined = false;

  constructor(virsh: Virsh, name: string, listeners: LifeListeners, budgets: LifeBudgets) {
    this.#virsh = virsh;
    this.#name = name;
    this.#listeners = listeners;
    this.#budgets = budgets;
  }

  /** Defines the domain by the XML in a file, and hears of its life from then on. Throws what libvirt's words stand for. */
  async define(path: string, signal: AbortSignal): Promise<void> {
    this.#isEnding = false;
    this.#events ??= this.#listen();
    this.#told.clear();
    // Not ended by the signal: a daemon goes on with what it was asked, and would define what was removed meanwhile.
    const define = () => this.#virsh.run(["define", "--file", path], none);
    signal.throwIfAborted();
    this.#isDefined = true;
    await define();
    const probe = async (): Promise<true | undefined> => {
      const told = await this.#whenTold("Defined", 500, signal);
      if (told === undefined) await define();
      return told;
    };
    // Nothing else tells that virsh listens: what is defined before that is not heard of and is defined once more.
    await this.#inTime("that libvirt tells of a domain", probe, signal, this.#events);
  }

  /**
   * Switches the domain on. Returns once its processors run; `onRun` is called just before they do for the first time. Throws what
   * libvirt's words stand for.
   */
  async start(signal: AbortSignal, onRun: () => void): Promise<void> {
    this.#told.clear();
    const said = { out: "", error: "" };
    const hear = lineSplitter((line) => this.#hearMonitor(line));
    const words = `start --paused --autodestroy ${this.#name}; qemu-monitor-event --loop ${this.#name}`;
    const holder = this.#virsh.stay(words, {
      onOutput: (text) => {
        said.out = (said.out + text).slice(-2000);
        hear(text);
      },
      onError: (text) => {
        said.error = (said.error + text).slice(-2000);
      },
    });
    this.#holder = holder;
    this.#watch(holder, "the one that holds the domain");
    const started = async (): Promise<true | undefined> => {
      if (/^error: /m.test(said.error)) throw this.#virsh.fault(["start"], said.error);
      return /^Domain .* started/m.test(said.out) ? true : undefined;
    };
    await this.#inTime("libvirt to start a domain", started, signal, holder, this.#budgets.startMs);
    onRun();
    let tries = 0;
    const resumed = async (): Promise<true | undefined> => {
      // The event of a resume that was faster than virsh's ears is lost.
      if (tries++ > 0) await this.#virsh.attempt(["suspend", this.#name], signal);
      await this.#virsh.run(["resume", this.#name], signal);
      return this.#whenTold("RESUME", this.#budgets.eventMs / 5, signal);
    };
    await this.#inTime("that libvirt tells that a domain runs", resumed, signal, holder);
  }

  /** Runs a command of virsh about the domain. Throws what libvirt's words stand for. */
  async command(words: readonly [string, ...string[]], signal: AbortSignal): Promise<string> {
    const [verb, ...rest] = words;
    return this.#virsh.run([verb, this.#name, ...rest], signal);
  }

  /** Ends the domain as pulling the plug does. A domain that has ended is fine. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#isEnding = true;
    const output = await this.#virsh.attempt(["destroy", this.#name], signal);
    const isOff = /domain is not running|failed to get domain/.test(output.stderr);
    if (output.exitCode !== 0 && !isOff) throw this.#virsh.fault(["destroy"], output.stderr);
    await this.#letGo();
  }

  /** The domain has ended by itself. */
  async ended(): Promise<void> {
    await this.#letGo();
  }

  /** Ends and forgets the domain, with its variable store. Never throws; what cannot be done is told. */
  async forget(say: (line: string) => void): Promise<void> {
    this.#isEnding = true;
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) => say(messageOf(error).split("\n")[0] ?? ""));
    };
    if (this.#holder !== null) await attempt(() => this.stop(none));
    if (this.#isDefined)
      await attempt(async () => {
        const output = await this.#virsh.attempt(["undefine", ...undefineWords, this.#name], none);
        const isGone = /failed to get domain/.test(output.stderr);
        if (output.exitCode !== 0 && !isGone) throw this.#virsh.fault(["undefine"], output.stderr);
      });
    this.#isDefined = false;
    await this.#letGo();
    const events = this.#events;
    this.#events = null;
    await events?.kill();
  }

  async #letGo(): Promise<void> {
    const holder = this.#holder;
    this.#holder = null;
    await holder?.kill();
  }

  #listen(): OwnedProcess {
    const hear = lineSplitter((line) => {
      const event = parseLifecycle(line);
      if (event === null || event.domain !== this.#name) return;
      this.#told.add(event.event);
      this.#listeners.onLifecycle(event);
    });
    const child = this.#virsh.stay("event --loop --event lifecycle", { onOutput: hear });
    this.#watch(child, "the one that tells of its life");
    return child;
  }

  #hearMonitor(line: string): void {
    const event = parseMonitorEvent(line);
    if (event === null || event.domain !== this.#name) return;
    this.#told.add(event.name);
    this.#listeners.onMonitor(event);
  }

  #watch(child: OwnedProcess, which: string): void {
    void child.exited.then((facts) => {
      const isCurrent = child === this.#holder || child === this.#events;
      // Another one listens when the domain is switched on again.
      if (child === this.#events) this.#events = null;
      if (this.#isEnding || !isCurrent) return;
      this.#listeners.onLost(this.#lost(which, facts));
    });
  }

  #lost(which: string, facts: ExitFacts): MachineFault {
    return new MachineFault(`The line to libvirt at '${this.#virsh.uri}' broke off.`, {
      details: { virsh: which, ...exitDetails(facts) },
    });
  }

  /** Waits for what libvirt has to say, and not longer than the virsh that would say it lives. */
  async #inTime(
    what: string,
    probe: () => Promise<true | undefined>,
    signal: AbortSignal,
    child: OwnedProcess,
    timeoutMs = this.#budgets.eventMs * 4,
  ): Promise<void> {
    const gone = child.exited.then((facts): never => {
      if (facts.startError !== undefined || facts.stderrTail.trim() !== "")
        throw this.#virsh.fault(["event"], facts.stderrTail || (facts.startError ?? ""));
      throw this.#lost("ended early", facts);
    });
    gone.catch(() => undefined);
    await waitFor({
      ...{ what, probe, signal, timeoutMs, intervalMs: 50, giveUpWhen: gone },
      onTimeout: () =>
        new MachineFault(
          `libvirt at '${this.#virsh.uri}' does not answer: waited ${timeoutMs / 1000} s for ${what}.`,
        ),
    });
  }

  /** True once an event was told; undefined when it was not in its time. */
  async #whenTold(
    event: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<true | undefined> {
    const probe = async (): Promise<true | undefined> => (this.#told.has(event) ? true : undefined);
    const late = new HostUnfit(`libvirt did not tell '${event}'.`);
    return waitFor({
      what: event,
      probe,
      timeoutMs,
      intervalMs: 20,
      signal,
      onTimeout: () => late,
    }).catch((error: unknown) => {
      if (error === late) return undefined;
      throw error;
    });
  }
}
