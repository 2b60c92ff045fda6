/**
 * The guest behind one SSH connection. Every command races the console and the machine: a panic in mid-command is told
 * as a panic, and only what nothing explains is a lost connection.
 */

import type { Image } from "../../../images/image.ts";
import { CommandFailed, ExpectationFailed, GuestLost, GuestTooSlow } from "../../base/errors.ts";
import { type CommandValue, commandLine } from "../../base/quote.ts";
import { formatDuration } from "../../base/units.ts";
import type { CommandLimits, CommandResult } from "../command.ts";
import { commands, shownCommand } from "../commands.ts";
import type { ConnectOptions } from "../connect-options.ts";
import type { EvidenceLine, HasOpenLine } from "../evidence-line.ts";
import { excerptEnd, excerptStart } from "../excerpt.ts";
import { explainLoss } from "../explain-loss.ts";
import type { Guest } from "../guest.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import { consoleTail, waitForSsh } from "../ready.ts";
import { reconnectAfterReboot, reconnectAfterSoftReboot } from "../reboot.ts";
import { RestartWatch } from "../restart-watch.ts";
import { type Backend, readBackend } from "../tools/backend.ts";
import type { BootcCommands } from "../tools/bootc.ts";
import { createBootc } from "../tools/bootc.ts";
import type { DeploymentsExpectation } from "../tools/deployments.ts";
import { checkDeployments } from "../tools/deployments.ts";
import type { GuestFiles } from "../tools/files.ts";
import { createFiles } from "../tools/files.ts";
import type { OstreeReader } from "../tools/ostree.ts";
import { createOstree } from "../tools/ostree.ts";
import type { SystemdReader } from "../tools/systemd.ts";
import { createSystemd } from "../tools/systemd.ts";
import { type Trouble, watchTrouble } from "../trouble.ts";
import type { SshConnection } from "./ssh.ts";
import type { ExecOutcome } from "./ssh-exec.ts";

export interface SshGuestOptions extends ConnectOptions {
  readonly readyTimeoutMs: number;
  readonly trouble: Trouble;
  readonly connection: SshConnection;
}

const defaultMaxBytes = 4 * 1024 * 1024;
/** For a command that names no limit of its own; with hardware acceleration. */
const defaultTimeoutMs = 60_000;
const bootIdShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class SshGuest implements Guest, GuestIo, HasOpenLine {
  readonly name: string;
  readonly image: Image;
  readonly timeScale: number;
  readonly lookAt: string;
  readonly bootc: BootcCommands;
  readonly systemd: SystemdReader;
  readonly ostree: OstreeReader;
  readonly files: GuestFiles;
  readonly #options: SshGuestOptions;
  #trouble: Trouble;
  #connection: SshConnection;
  readonly #restarts: RestartWatch;
  /** Of the boot that commands are meant for. */
  #bootId = "";
  #disposed: Promise<void> | null = null;

  constructor(options: SshGuestOptions) {
    this.#options = options;
    this.#trouble = options.trouble;
    this.#connection = options.connection;
    this.name = options.name;
    this.image = options.image;
    this.timeScale = options.timeScale;
    this.lookAt = options.machine.console.path;
    this.#restarts = new RestartWatch({
      name: options.name,
      console: options.machine.console,
      stillAnswers: () => this.#stillAnswers(),
    });
    this.bootc = createBootc(this, options.onMeasure);
    this.systemd = createSystemd(this);
    this.ostree = createOstree(this);
    this.files = createFiles(this);
  }

  /** What the first login of a boot needs: its boot ID, and the clock of a fork, which stands where its template was frozen. */
  async begin(): Promise<void> {
    this.#bootId = "";
    this.#restarts.arm();
    this.#bootId = await this.bootId();
    if (this.#options.machine.start !== "fork") return;
    await mustExec(this, commands.setClock(Math.round(Date.now() / 1000)));
  }

  get openLine(): EvidenceLine | null {
    return this.#connection.isOpen ? this.#connection : null;
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
    const timeoutMs = limits.timeoutMs ?? defaultTimeoutMs * this.timeScale;
    const outcome = await this.#outcomeOf(command, timeoutMs, limits);
    if (outcome.lost !== null) throw await this.#whyLost(command, outcome.lost);
    if (outcome.timedOut) throw this.#tooSlow(command, timeoutMs, outcome);
    const { stdout, stderr, exitCode, durationMs, truncated } = outcome;
    return { command, stdout, stderr, exitCode, durationMs, truncated };
  }

  async #outcomeOf(
    command: string,
    timeoutMs: number,
    { maxBytes = defaultMaxBytes, input }: CommandLimits & { readonly input?: string },
  ): Promise<ExecOutcome> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    this.#trouble.signal.throwIfAborted();
    this.#restarts.signal.throwIfAborted();
    if (!this.#connection.isOpen) await this.#reconnect();
    return this.#connection.exec(command, {
      timeoutMs,
      maxBytes,
      signal: AbortSignal.any([signal, this.#trouble.signal, this.#restarts.signal]),
      ...(input === undefined ? {} : { input }),
    });
  }

  /** A connection that was lost before may come back: evidence is worth one more login. */
  async #reconnect(): Promise<void> {
    const { machine, key, signal } = this.#options;
    if (this.#restarts.isSuspected) throw this.#restarts.error();
    const timeoutMs = 20_000 * this.timeScale;
    this.#connection = await waitForSsh({
      machine,
      name: this.name,
      key,
      timeoutMs,
      timeScale: this.timeScale,
      trouble: this.#trouble,
      signal,
      onTimeout: (details) =>
        new GuestLost(`Guest '${this.name}' does not answer on SSH any more.`, {
          details,
          lookAt: this.lookAt,
        }),
    });
    await this.#expectSameBoot();
  }

  /** Said once, so that evidence can still be taken afterwards. */
  async #expectSameBoot(): Promise<void> {
    const before = this.#bootId;
    this.#bootId = await this.bootId();
    if (this.#bootId === before) return;
    throw this.#restarts.error(`${before} before, ${this.#bootId} now`);
  }

  /** Asked over the connection that stands: a boot that is gone cannot answer there. */
  async #stillAnswers(): Promise<boolean> {
    const outcome = await this.#connection.exec(commands.bootId, {
      timeoutMs: 10_000 * this.timeScale,
      maxBytes: 1000,
      signal: this.#options.signal,
    });
    const now = outcome.stdout.trim();
    return bootIdShape.test(now) && (this.#bootId === "" || now === this.#bootId);
  }

  async #whyLost(command: string, reason: string): Promise<Error> {
    const { error, connection } = await explainLoss({
      ...this.#options,
      command,
      reason,
      bootId: this.#bootId,
      restarts: this.#restarts,
      trouble: this.#trouble,
    });
    if (connection !== null) this.#connection = connection;
    return error;
  }

  #tooSlow(command: string, timeoutMs: number, outcome: ExecOutcome): GuestTooSlow {
    return new GuestTooSlow(
      `'${excerptStart(shownCommand(command), 200)}' in guest '${this.name}' did not end within ${formatDuration(timeoutMs)} and was given up.`,
      {
        details: {
          stdout: outcome.stdout === "" ? undefined : excerptEnd(outcome.stdout, 500),
          stderr: outcome.stderr === "" ? undefined : excerptEnd(outcome.stderr, 500),
          console: consoleTail(this.#options.machine.console),
        },
        lookAt: this.lookAt,
      },
    );
  }

  backend(): Promise<Backend> {
    return readBackend(this);
  }

  async bootId(): Promise<string> {
    const text = (await mustExec(this, commands.bootId)).stdout.trim();
    if (bootIdShape.test(text)) return text;
    throw new ExpectationFailed(`The boot ID of guest '${this.name}' is not one.`, {
      details: { got: excerptStart(text, 100) || "nothing" },
    });
  }

  async reboot(): Promise<void> {
    const { machine, giveUpWhen, onMeasure } = this.#options;
    const before = this.#bootId;
    const began = performance.now();
    this.#restarts.disarm();
    // Told first: the new boot's first line must not be taken for the old boot's last.
    machine.console.rebooting();
    this.#trouble = watchTrouble(machine, giveUpWhen);
    const asked = await this.#outcomeOf(commands.reboot, 30_000 * this.timeScale, {});
    if (asked.exitCode !== null && asked.exitCode !== 0) this.#refuse(commands.reboot, asked);
    this.#connection.end();
    this.#connection = await reconnectAfterReboot({
      ...this.#options,
      timeoutMs: this.#options.readyTimeoutMs,
      trouble: this.#trouble,
      before,
    });
    await this.begin();
    onMeasure?.("reboot.seconds", (performance.now() - began) / 1000);
  }

  async softReboot(): Promise<void> {
    const began = performance.now();
    const kernel = this.#bootId;
    const before = Number((await mustExec(this, commands.softReboots)).stdout);
    if (!Number.isInteger(before)) {
      throw new ExpectationFailed(`The systemd of guest '${this.name}' counts no soft reboots.`);
    }
    this.#restarts.disarm();
    const asked = await this.#outcomeOf(commands.softReboot, 30_000 * this.timeScale, {});
    if (asked.exitCode !== null && asked.exitCode !== 0) this.#refuse(commands.softReboot, asked);
    this.#connection.end();
    this.#connection = await reconnectAfterSoftReboot({
      ...this.#options,
      timeoutMs: this.#options.readyTimeoutMs,
      trouble: this.#trouble,
      before,
    });
    await this.begin();
    if (this.#bootId !== kernel) {
      throw new ExpectationFailed(
        `Guest '${this.name}' was asked for a soft reboot and made a full one.`,
        {
          lookAt: this.lookAt,
        },
      );
    }
    this.#options.onMeasure?.("soft-reboot.seconds", (performance.now() - began) / 1000);
  }

  #refuse(command: string, { exitCode, stderr }: ExecOutcome): never {
    throw new CommandFailed(
      `'${command}' in guest '${this.name}' ended with exit code ${exitCode}.`,
      { details: { stderr: excerptEnd(stderr, 1000) }, lookAt: this.lookAt },
    );
  }

  async expectDeployments(expected: DeploymentsExpectation): Promise<void> {
    const { claims } = this.#options;
    checkDeployments(this.name, await this.bootc.status(), expected, [this.image], claims);
  }

  /** Ends the connection without releasing the machine. */
  close(): void {
    this.#restarts.end();
    this.#connection.end();
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
