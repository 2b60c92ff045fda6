/**
 * The guest behind one transport: SSH, or the root channel where that was asked for. Every command races the console and
 * the machine: a panic in mid-command is told as a panic, and only what nothing explains is a lost connection.
 */

import type { Image } from "../../../images/image.ts";
import { type BootgateError, GuestLost } from "../../base/errors.ts";
import { type HostSample, sampleHost } from "../../base/host-health.ts";
import { type CommandValue, commandLine } from "../../base/quote.ts";
import { asideOf } from "../aside.ts";
import {
  type BootHolder,
  createGuestMachine,
  orderMs,
  rebootBy,
  softRebootBy,
} from "../boot-changes.ts";
import type { RootChannel } from "../channel/root-channel.ts";
import { clockMs, clockOutcome, clockRefused } from "../clock.ts";
import { type CommandLimits, type CommandResult, commandDefaults } from "../command.ts";
import { commands } from "../commands.ts";
import type { ConnectOptions } from "../connect-options.ts";
import type { EvidenceLine, HasOpenLine } from "../evidence-line.ts";
import { explainLoss } from "../explain-loss.ts";
import type { Guest } from "../guest.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import type { GuestMachine } from "../guest-machine.ts";
import { reach } from "../reach.ts";
import type { ReachOptions } from "../reach-options.ts";
import { bootIdOf, isSameBoot, type Reached } from "../reached.ts";
import { goesOn, refusedOrder } from "../reboot.ts";
import { RestartWatch } from "../restart-watch.ts";
import { tooSlow } from "../too-slow.ts";
import { type Backend, readBackend } from "../tools/backend.ts";
import { type BootcCommands, createBootc } from "../tools/bootc.ts";
import type { DeploymentsExpectation } from "../tools/deployments.ts";
import { createFiles, type GuestFiles } from "../tools/files.ts";
import { expectDeploymentsOf } from "../tools/finalising.ts";
import { createOstree, type OstreeReader } from "../tools/ostree.ts";
import { createSystemd, type SystemdReader } from "../tools/systemd.ts";
import { stopUpdatersAgain } from "../tools/updaters.ts";
import { type ExecOutcome, type Transport, transportWords } from "../transport.ts";
import { type Trouble, watchTrouble } from "../trouble.ts";

export interface SshGuestOptions extends ConnectOptions {
  readonly readyTimeoutMs: number;
  readonly trouble: Trouble;
  readonly channel: RootChannel | null;
  readonly reached: Reached;
}

export class SshGuest implements Guest, GuestIo, HasOpenLine {
  readonly name: string;
  readonly image: Image;
  readonly timeScale: number;
  readonly lookAt: string;
  readonly aside: GuestIo;
  readonly bootc: BootcCommands;
  readonly systemd: SystemdReader;
  readonly ostree: OstreeReader;
  readonly files: GuestFiles;
  readonly machine: GuestMachine;
  readonly backend = (): Promise<Backend> => readBackend(this);
  readonly #holder: BootHolder;
  readonly #options: SshGuestOptions;
  #trouble: Trouble;
  #transport: Transport;
  readonly #restarts: RestartWatch;
  #bootId: string;
  #disposed: Promise<void> | null = null;

  constructor(options: SshGuestOptions) {
    this.#options = options;
    this.#trouble = options.trouble;
    this.#transport = options.reached.transport;
    this.#bootId = options.reached.bootId;
    this.name = options.name;
    this.image = options.image;
    this.timeScale = options.timeScale;
    this.lookAt = options.machine.console.path;
    this.#restarts = new RestartWatch({
      name: options.name,
      console: options.machine.console,
      stillAnswers: () =>
        isSameBoot(this.#transport, this.#bootId, {
          timeoutMs: 10_000 * this.timeScale,
          signal: options.signal,
        }),
    });
    this.aside = asideOf(this, options.channel, () => this.#within());
    this.bootc = createBootc(this, options);
    this.systemd = createSystemd(this, options.machine.spec.network);
    this.ostree = createOstree(this);
    this.files = createFiles(this);
    this.#holder = this.#asHolder();
    this.machine = createGuestMachine(this.#holder);
  }

  #asHolder(): BootHolder {
    const { machine, giveUpWhen } = this.#options;
    return {
      ...this.#options,
      lookAt: this.lookAt,
      currentBoot: () => this.#bootId,
      expectEnd: () => this.#restarts.disarm(),
      watchNext: () => {
        this.#trouble = watchTrouble(machine, giveUpWhen);
        return this.#trouble;
      },
      order: (command, timeoutMs) => this.#order(command, timeoutMs * this.timeScale),
      hangUp: () => this.#transport.end(),
      reaching: (timeoutMs) => this.#reaching(timeoutMs),
      goOn: async (reached) => {
        this.#take(reached);
        await this.begin();
        await stopUpdatersAgain(this);
      },
      mustExec: (command) => mustExec(this, command),
    };
  }

  /** The clock of a fork stands where its template was frozen. From here on a restart is a surprise. */
  async begin(): Promise<void> {
    this.#restarts.arm();
    const { machine, channel } = this.#options;
    if (machine.start !== "fork") return;
    const command = "date -s";
    const before = sampleHost();
    const timeoutMs = clockMs * this.timeScale;
    const how = { transport: this.#transport, channel, bootId: this.#bootId, timeoutMs };
    const outcome = await clockOutcome({ ...how, ...this.#within() });
    if (outcome.lost !== null) throw await this.#whyLost(command, outcome.lost);
    if (outcome.timedOut) throw await this.#tooSlow(command, timeoutMs, outcome, before);
    if (outcome.exitCode !== 0) throw clockRefused(outcome, this);
  }

  get openLine(): EvidenceLine | null {
    return this.#transport.isOpen ? this.#transport : null;
  }

  #within(): { readonly signal: AbortSignal } {
    const { signal } = this.#options;
    return { signal: AbortSignal.any([signal, this.#trouble.signal, this.#restarts.signal]) };
  }

  async run(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<string> {
    const result = requireSuccess(this, await this.exec(commandLine(parts, values)));
    return result.stdout.replace(/\r?\n$/, "");
  }

  attempt(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<CommandResult> {
    return this.exec(commandLine(parts, values));
  }

  async exec(
    command: string,
    limits: CommandLimits & { readonly input?: string } = {},
  ): Promise<CommandResult> {
    const timeoutMs = limits.timeoutMs ?? commandDefaults.timeoutMs * this.timeScale;
    const before = sampleHost();
    const outcome = await this.#outcomeOf(command, timeoutMs, limits);
    if (outcome.lost !== null) throw await this.#whyLost(command, outcome.lost);
    if (outcome.timedOut) throw await this.#tooSlow(command, timeoutMs, outcome, before);
    const { stdout, stderr, exitCode, durationMs, truncated } = outcome;
    return { command, stdout, stderr, exitCode, durationMs, truncated };
  }

  async #outcomeOf(
    command: string,
    timeoutMs: number,
    { maxBytes = commandDefaults.maxBytes, input }: CommandLimits & { readonly input?: string },
  ): Promise<ExecOutcome> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    if (!this.machine.isOn) throw new TypeError(`Guest '${this.name}' is switched off.`);
    this.#trouble.signal.throwIfAborted();
    this.#restarts.signal.throwIfAborted();
    if (!this.#transport.isOpen) await this.#reconnect();
    return this.#transport.exec(command, {
      timeoutMs,
      maxBytes,
      ...this.#within(),
      ...(input === undefined ? {} : { input }),
    });
  }

  /** A connection that was lost before may come back: evidence is worth one more login. */
  async #reconnect(): Promise<void> {
    if (this.#restarts.isSuspected) throw this.#restarts.error();
    const before = this.#bootId;
    const over = transportWords[this.#transport.kind];
    const reached = await reach({
      ...{ ...this.#reaching(20_000 * this.timeScale), isFixed: true },
      onTimeout: (details) =>
        new GuestLost(`Guest '${this.name}' does not answer on ${over} any more.`, {
          details,
          lookAt: this.lookAt,
        }),
    });
    this.#take(reached);
    // Said once, so that evidence can still be taken afterwards.
    if (reached.bootId !== before)
      throw this.#restarts.error(`${before} before, ${reached.bootId} now`);
  }

  #reaching(timeoutMs: number): Omit<ReachOptions, "accept" | "onTimeout"> {
    const { machine, key, signal, channel, account } = this.#options;
    const { name, timeScale } = this;
    const over = this.#transport.kind;
    const trouble = this.#trouble;
    return { machine, name, key, over, channel, account, timeoutMs, timeScale, trouble, signal };
  }

  #take({ transport, bootId }: Reached): void {
    this.#transport = transport;
    this.#bootId = bootId;
  }

  async #whyLost(command: string, reason: string): Promise<Error> {
    const { error, transport } = await explainLoss({
      ...this.#options,
      over: this.#transport.kind,
      command,
      reason,
      bootId: this.#bootId,
      restarts: this.#restarts,
      trouble: this.#trouble,
    });
    if (transport !== null) this.#transport = transport;
    return error;
  }

  #tooSlow(
    command: string,
    timeoutMs: number,
    outcome: ExecOutcome,
    before: HostSample,
  ): Promise<BootgateError> {
    const { channel, machine } = this.#options;
    const of = { name: this.name, timeScale: this.timeScale, command, timeoutMs, outcome, before };
    return tooSlow({ ...of, channel, machine, ...this.#within() });
  }

  async bootId(): Promise<string> {
    return bootIdOf(await mustExec(this, commands.bootId), this);
  }

  async kernelArguments(): Promise<readonly string[]> {
    return (await mustExec(this, commands.kernelArguments)).stdout.trim().split(/\s+/);
  }

  async reboot(): Promise<void> {
    const began = performance.now();
    await rebootBy(this.#holder, commands.reboot, orderMs);
    this.#options.onMeasure?.("reboot.seconds", (performance.now() - began) / 1000);
  }

  rebootBy(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<void> {
    return rebootBy(this.#holder, commandLine(parts, values));
  }

  softReboot(): Promise<void> {
    return softRebootBy(this.#holder, commands.softReboot, orderMs);
  }

  softRebootBy(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<void> {
    return softRebootBy(this.#holder, commandLine(parts, values));
  }

  async #order(command: string, timeoutMs: number): Promise<void> {
    const before = sampleHost();
    const asked = await this.#outcomeOf(command, timeoutMs, {});
    if (asked.timedOut && (await goesOn(this.#transport, this, this.#within())))
      throw await this.#tooSlow(command, timeoutMs, asked, before);
    if (asked.exitCode !== null && asked.exitCode !== 0) throw refusedOrder(command, asked, this);
    this.#transport.end();
  }

  expectDeployments(expected: DeploymentsExpectation): Promise<void> {
    return expectDeploymentsOf(this, expected, this.#options.claims);
  }

  /** Ends the connection without releasing the machine. */
  close(): void {
    this.#restarts.end();
    this.#transport.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    const { onDispose } = this.#options;
    if (onDispose === undefined) this.close();
    // A disposer never throws: it would hide the error that is on its way.
    else await onDispose().catch(() => undefined);
  }
}
