/**
 * A machine that is a QEMU process while its power is on. It owns a workspace (overlay disks, variable store, sockets)
 * that goes with it; what a person needs afterwards (console.log, qemu.log, qemu.argv) is written to its directory.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Deviation, deviation } from "../../base/deviations.ts";
import { MachineFault } from "../../base/errors.ts";
import { freePort } from "../../base/free-port.ts";
import type { ExitFacts } from "../../base/process.ts";
import type { Workspace } from "../../base/workspace.ts";
import { FileFollower } from "../console/console-follower.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import type { DiskRecord, Machine, MachineSpec, Power, Screen, SshAddress } from "../machine.ts";
import { PowerState } from "../power-state.ts";
import { consoleHands } from "./console-hands.ts";
import { ConsolePort } from "./console-port.ts";
import { formatArgv } from "./format-argv.ts";
import { openGuestMemory } from "./guest-memory.ts";
import { portId, QemuGuestPort } from "./guest-port.ts";
import { type QemuLayout, qemuArgv } from "./qemu-argv.ts";
import { keepLog, located } from "./qemu-log.ts";
import {
  diskFailed,
  exitDetails,
  QemuEndedEarly,
  type RunningQemu,
  startQemu,
} from "./qemu-process.ts";
import type { QmpEvent } from "./qmp.ts";
import { recordOf } from "./record.ts";
import { qemuScreen } from "./screen.ts";
import { type EmulatedTpm, tpmOf } from "./tpm.ts";

export interface QemuMachineParts {
  readonly spec: MachineSpec;
  readonly binary: string;
  /** What its TPM is, where its spec has one. */
  readonly tpmProgram: string;
  /** Everything but the SSH port, which is chosen at each start. */
  readonly layout: QemuLayout;
  readonly workspace: Workspace;
  readonly directory: string;
  readonly console: ConsoleLog;
  readonly greetingMs: number;
  /** Size at which the console log ends, so that a guest that prints without end does not fill the host's disk. */
  readonly maxConsoleBytes: number;
  readonly start: "cold" | "fork";
  readonly deviations: readonly Deviation[];
  readonly onProgress: (line: string) => void;
  /** Freed when the machine is gone: ports, marks on a template. */
  readonly release: () => Promise<void>;
}

export class QemuMachine implements Machine {
  readonly spec: MachineSpec;
  readonly console: ConsoleLog;
  readonly power: Power;
  readonly screen: Screen;
  readonly accelerator: string;
  readonly start: "cold" | "fork";
  readonly port: QemuGuestPort | null;
  readonly record: DiskRecord | null;
  notes: readonly string[] = [];
  readonly #parts: QemuMachineParts;
  readonly #follower: FileFollower;
  readonly #serial: ConsolePort;
  readonly #tpm: EmulatedTpm | null;
  readonly #state = new PowerState();
  #layout: QemuLayout;
  #running: RunningQemu | null = null;
  /** Set while we end QEMU ourselves, so that its exit does not count as a crash. */
  #ending = false;
  #guestSwitchedOff = false;
  #enterPressed = false;
  /** Settles when the last exit of QEMU has been dealt with: its console read to the end, its log written. */
  #settled: Promise<void> = Promise.resolve();
  #disposed: Promise<void> | null = null;

  constructor(parts: QemuMachineParts) {
    this.#parts = parts;
    this.#layout = parts.layout;
    this.spec = parts.spec;
    this.console = parts.console;
    this.#follower = new FileFollower(parts.console.path, {
      onBytes: (bytes) => parts.console.feed(bytes),
      maxBytes: parts.maxConsoleBytes,
      onFull: () => void this.#muteConsole(),
    });
    this.start = parts.start;
    const noteEnter = (): void => {
      this.#enterPressed = true;
    };
    const { consoleFile, channelSocket } = parts.layout;
    this.#serial = new ConsolePort({ folder: parts.workspace.path, consoleFile });
    parts.console.attach(consoleHands(this, { onEnter: noteEnter, serial: this.#serial }));
    this.accelerator = parts.layout.accelerator;
    this.port = channelSocket === null ? null : new QemuGuestPort(channelSocket);
    this.record = recordOf(parts.spec, parts.layout.disks);
    this.power = {
      on: (signal) => this.#powerOn(signal),
      off: (signal) => this.#powerOff(signal),
      reset: (signal) => this.#reset(signal),
    };
    this.screen = qemuScreen(this);
    this.#tpm = tpmOf(parts, (fault) => this.#state.die(fault));
  }

  /** What differs from a user's boot so far: it grows when a key is pressed. */
  get deviations(): readonly Deviation[] {
    return [...this.#parts.deviations, ...this.typed];
  }
  get typed(): readonly Deviation[] {
    const pressed = this.#enterPressed ? [deviation("menu-enter")] : [];
    return [...pressed, ...this.console.deviations];
  }
  get layout(): QemuLayout {
    return this.#layout;
  }
  get directory(): string {
    return this.#parts.directory;
  }
  get workspacePath(): string {
    return this.#parts.workspace.path;
  }
  get socketsPath(): string {
    return this.#parts.workspace.sockets;
  }
  /** The QEMU process of a machine that is on. Throws MachineFault when it is off. */
  get running(): RunningQemu {
    if (this.#running === null)
      throw new MachineFault(`Machine '${this.spec.name}' is switched off.`);
    return this.#running;
  }
  get isOn(): boolean {
    return this.#running !== null;
  }

  get died(): Promise<never> {
    return this.#state.died;
  }
  waitForOff(signal: AbortSignal): Promise<void> {
    return this.#state.waitForOff(signal);
  }

  async sshAddress(signal: AbortSignal): Promise<SshAddress> {
    signal.throwIfAborted();
    return { host: "127.0.0.1", port: this.#layout.network.sshPort };
  }

  /** Starts QEMU with the machine held still. A port that was taken meanwhile is replaced once. */
  async launch(signal: AbortSignal): Promise<RunningQemu> {
    try {
      return await this.#launchOnce(signal);
    } catch (error) {
      if (!(error instanceof QemuEndedEarly) || !error.portTaken) throw await located(this, error);
      const taken = this.#layout.network.sshPort;
      this.#layout = {
        ...this.#layout,
        network: { ...this.#layout.network, sshPort: await freePort() },
      };
      this.#parts.onProgress(
        `machine ${this.spec.name}: port ${taken} was taken meanwhile, now ${this.#layout.network.sshPort}`,
      );
      return await this.#launchOnce(signal).catch(async (again: unknown) => {
        throw await located(this, again);
      });
    }
  }

  /** Ends QEMU without a word to the guest: what pulling the plug is to a machine. */
  async endProcess(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#ending = true;
    const budget = AbortSignal.timeout(2000);
    await running.monitor.execute("quit", {}, budget).catch(() => undefined);
    await Promise.race([running.ended, aborted(budget)]);
    await running.process.kill();
    await this.#settled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    await this.#disposed;
  }

  async #dispose(): Promise<void> {
    const log = (error: unknown) =>
      this.#parts.onProgress(`machine ${this.spec.name}: ${String(error)}`);
    this.#ending = true;
    await this.#running?.process.kill().catch(log);
    await this.#settled.catch(log);
    await this.#follower.stop();
    this.console.poweredOff();
    await this.#parts.workspace[Symbol.asyncDispose]();
    await this.#parts.release().catch(log);
  }

  async #launchOnce(signal: AbortSignal): Promise<RunningQemu> {
    const { binary, directory, greetingMs } = this.#parts;
    await using memory = await openGuestMemory(this.#layout);
    const argv = qemuArgv({ ...this.#layout, givenMemory: memory.isGiven });
    await writeFile(join(directory, "qemu.argv"), formatArgv(binary, argv));
    this.#ending = false;
    this.#guestSwitchedOff = false;
    const { monitorSocket } = this.#layout;
    this.#follower.start();
    const onEvent = (event: QmpEvent) => this.#onEvent(event);
    const how = { monitorSocket, onEvent, greetingMs, signal, descriptors: memory.descriptors };
    await this.#tpm?.start(signal);
    const running = await startQemu({ binary, argv, ...how }).catch(async (error: unknown) => {
      await this.#tpm?.end();
      throw this.#tpm?.fault ?? error;
    });
    this.notes = memory.lack === null ? [] : [memory.lack];
    this.#running = running;
    this.#state.turnedOn();
    this.#settled = running.ended.then((facts) => this.#onExit(facts));
    await this.port?.call();
    return running;
  }

  async #powerOn(signal: AbortSignal): Promise<void> {
    if (this.#disposed !== null) throw new MachineFault(`Machine '${this.spec.name}' is gone.`);
    if (this.#running !== null) return;
    await this.#settled;
    // A fork that was switched off starts again like any machine: from its disk, with memory of its own.
    this.#layout = { ...this.#layout, forkedMemory: null };
    const running = await this.launch(signal);
    this.console.poweredOn();
    await running.monitor.execute("cont", {}, signal);
  }

  async #powerOff(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.endProcess();
  }

  async #reset(signal: AbortSignal): Promise<void> {
    const { monitor } = this.running;
    this.console.rebooting();
    await monitor.execute("system_reset", {}, signal);
  }

  async #muteConsole(): Promise<void> {
    this.#parts.onProgress(`machine ${this.spec.name}: console log full, the rest is dropped`);
    await this.#serial.mute(this.#running?.monitor);
  }

  /** The event is faster than the console file: what the ending boot said last must not count for the next one. */
  async #onReset(): Promise<void> {
    await this.#follower.catchUp();
    this.console.machineReset();
  }

  #onEvent({ name, data }: QmpEvent): void {
    if (name === "RESET" && data.guest === true) void this.#onReset();
    if (name === "VSERPORT_CHANGE" && data.id === portId)
      this.port?.guestChanged(data.open === true);
    if (name === "GUEST_PANICKED") void this.#onPanic();
    if (name === "BLOCK_IO_ERROR" && data.action === "stop")
      this.#state.die(diskFailed(this.spec.name, data));
    if (name === "SHUTDOWN" && data.guest === true) this.#guestSwitchedOff = true;
  }

  /** The kernel's own words say more, and came first: they get to be the fatal line where there are any. */
  async #onPanic(): Promise<void> {
    await this.#follower.catchUp();
    this.console.machineSaid("kernel-panic", "the kernel panicked (said by its pvpanic device)");
  }

  async #onExit(facts: ExitFacts): Promise<void> {
    this.#running = null;
    this.port?.close();
    await this.#serial.close();
    await this.#tpm?.end();
    const { name } = this.spec;
    await this.#follower.stop();
    if (this.#guestSwitchedOff && !this.#state.isOffAwaited)
      this.console.machineSaid("powered-off", "the guest switched itself off");
    this.console.poweredOff();
    // Before the death is told: the code that hears of it looks here.
    await keepLog(this, facts);
    const how = { details: exitDetails(facts), lookAt: join(this.directory, "qemu.log") };
    if (!this.#ending && !this.#guestSwitchedOff)
      this.#state.die(new MachineFault(`QEMU of machine '${name}' died.`, how));
    this.#state.turnedOff();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
