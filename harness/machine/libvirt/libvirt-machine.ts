/**
 * A machine that is a domain of libvirt's while its power is on. It owns a workspace with its disks and what serves them;
 * what a person needs afterwards (console.log, domain.xml) is written to its directory.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Deviation, deviation } from "../../base/deviations.ts";
import { MachineFault } from "../../base/errors.ts";
import type { Workspace } from "../../base/workspace.ts";
import { FileFollower } from "../console/console-follower.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import type { Machine, MachineSpec, Power, Screen, SshAddress } from "../machine.ts";
import { PowerState } from "../power-state.ts";
import { portId, QemuGuestPort } from "../qemu/guest-port.ts";
import { diskFailed } from "../qemu/qemu-process.ts";
import type { QmpEvent } from "../qemu/qmp.ts";
import { DomainLife, type LifeBudgets } from "./domain-life.ts";
import { type DomainLayout, domainXml } from "./domain-xml.ts";
import type { LifecycleEvent } from "./events.ts";
import { domainHands, domainScreen } from "./hands.ts";
import { ServerLine } from "./server-line.ts";
import { openServices, type ServiceOptions, type Services } from "./services.ts";
import type { Virsh } from "./virsh.ts";

export interface LibvirtMachineParts {
  readonly spec: MachineSpec;
  readonly virsh: Virsh;
  /** Everything of the domain but the ports, which are chosen at each start. */
  readonly domain: Omit<DomainLayout, "disks" | "networkPort" | "consolePort" | "channelPort">;
  readonly services: Omit<ServiceOptions, "signal" | "consolePath" | "spec">;
  readonly workspace: Workspace;
  readonly directory: string;
  readonly console: ConsoleLog;
  readonly budgets: LifeBudgets;
  /** Size at which the console log ends. */
  readonly maxConsoleBytes: number;
  readonly deviations: readonly Deviation[];
  readonly onProgress: (line: string) => void;
}

export class LibvirtMachine implements Machine {
  readonly spec: MachineSpec;
  readonly console: ConsoleLog;
  readonly power: Power;
  readonly screen: Screen;
  readonly accelerator: string;
  readonly start = "cold";
  readonly died: Promise<never>;
  readonly port: QemuGuestPort | null;
  readonly #parts: LibvirtMachineParts;
  readonly #follower: FileFollower;
  readonly #life: DomainLife;
  readonly #line = new ServerLine();
  #services: Services | null = null;
  #sshPort: number;
  readonly #state = new PowerState();
  #isEnding = false;
  /** How the domain ended while it was still being started. */
  #endedEarly: string | null = null;
  /** libvirt told that somebody on the host asked the domain to go off, such as one who ended its process. */
  #hostAsked = false;
  #enterPressed = false;
  #disposed: Promise<void> | null = null;
  /** Settles when the last end of the domain has been dealt with. */
  #settled: Promise<void> = Promise.resolve();

  constructor(parts: LibvirtMachineParts) {
    this.#parts = parts;
    this.spec = parts.spec;
    this.console = parts.console;
    this.accelerator = parts.domain.accelerator;
    this.#sshPort = parts.services.sshPort;
    this.#follower = new FileFollower(parts.console.path, {
      onBytes: (bytes) => parts.console.feed(bytes),
      maxBytes: parts.maxConsoleBytes,
      onFull: () => void this.#services?.relay.mute(),
    });
    this.#life = new DomainLife(
      parts.virsh,
      parts.domain.name,
      {
        onLifecycle: (event) => this.#onLifecycle(event),
        onMonitor: (event) => void this.#onMonitor(event),
        onLost: (error) => this.#onLost(error),
      },
      parts.budgets,
    );
    const noteEnter = (): void => {
      this.#enterPressed = true;
    };
    parts.console.attach(domainHands(this, { onEnter: noteEnter, folder: parts.workspace.path }));
    this.port = parts.spec.channel === true ? new QemuGuestPort(this.#line) : null;
    this.died = this.#state.died;
    this.power = {
      on: (signal) => this.#powerOn(signal),
      off: (signal) => this.#powerOff(signal),
      reset: (signal) => this.#reset(signal),
    };
    this.screen = domainScreen(this, parts.workspace.path);
  }

  /** What differs from a user's boot so far: it grows when a key is pressed. */
  get deviations(): readonly Deviation[] {
    const pressed = this.#enterPressed ? [deviation("menu-enter")] : [];
    return [...this.#parts.deviations, ...pressed, ...this.console.deviations];
  }

  waitForOff(signal: AbortSignal): Promise<void> {
    return this.#state.waitForOff(signal);
  }

  /** Name of the domain. */
  get domain(): string {
    return this.#parts.domain.name;
  }

  get workspacePath(): string {
    return this.#parts.workspace.path;
  }

  async sshAddress(signal: AbortSignal): Promise<SshAddress> {
    signal.throwIfAborted();
    return { host: "127.0.0.1", port: this.#sshPort };
  }

  /** Runs a command of virsh about a domain that is on. Throws MachineFault when it is off. */
  async command(words: readonly [string, ...string[]], signal: AbortSignal): Promise<string> {
    this.#requireOn();
    return this.#life.command(words, signal);
  }

  /** Types at the serial port. Throws MachineFault when it is off. */
  type(text: string): void {
    this.#requireOn().relay.type(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    await this.#disposed;
  }

  async #dispose(): Promise<void> {
    const log = (line: unknown): void =>
      this.#parts.onProgress(`machine ${this.spec.name}: ${String(line)}`);
    await this.#settled;
    this.#isEnding = true;
    await this.#life.forget(log);
    await this.#whenOff();
    this.console.poweredOff();
    await this.#parts.workspace[Symbol.asyncDispose]();
  }

  #requireOn(): Services {
    if (!this.#state.isOn || this.#services === null)
      throw new MachineFault(`Machine '${this.spec.name}' is switched off.`);
    return this.#services;
  }

  /** Makes the domain known to libvirt, with what it finds on the loopback. */
  async #prepare(signal: AbortSignal): Promise<void> {
    const { services, domain, console } = this.#parts;
    const made = await openServices({
      ...services,
      ...{ spec: this.spec, consolePath: console.path, sshPort: this.#sshPort, signal },
    });
    this.#services = made;
    this.#sshPort = made.wire.sshPort;
    made.died.catch((error: MachineFault) => {
      if (!this.#isEnding) this.#state.die(error);
    });
    this.#line.forgetPort();
    await this.port?.call();
    const disks = services.disks.map(({ kind, readOnly = false, sectorBytes }, index) => {
      const port = made.disks[index]?.port ?? 0;
      return { kind, readOnly, sectorBytes, port };
    });
    const xml = domainXml({
      ...domain,
      ...{ disks, networkPort: made.wire.port, consolePort: made.relay.port },
      channelPort: this.port === null ? null : this.#line.port,
    });
    const path = join(this.#parts.directory, "domain.xml");
    await writeFile(path, xml, { mode: 0o600 });
    await this.#life.define(path, signal);
  }

  async #powerOn(signal: AbortSignal): Promise<void> {
    if (this.#disposed !== null) throw new MachineFault(`Machine '${this.spec.name}' is gone.`);
    if (this.#state.isOn) return;
    await this.#settled;
    this.#isEnding = false;
    this.#endedEarly = null;
    this.#hostAsked = false;
    try {
      await this.#prepare(signal);
      this.#follower.start();
      // A domain that is still paused says nothing, so its silence counts from its first instruction on.
      await this.#life.start(signal, () => this.console.poweredOn());
      this.#state.turnedOn();
      if (this.#endedEarly !== null)
        this.#onLifecycle({ event: "Stopped", detail: this.#endedEarly });
    } catch (error) {
      this.#isEnding = true;
      await this.#life.stop(new AbortController().signal).catch(() => undefined);
      await this.#whenOff();
      throw error;
    }
  }

  async #powerOff(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#settled;
    if (!this.#state.isOn) return;
    this.#isEnding = true;
    await this.#life.stop(signal);
    await this.#whenOff();
  }

  async #reset(signal: AbortSignal): Promise<void> {
    this.#requireOn();
    this.console.rebooting();
    await this.#life.command(["reset"], signal);
  }

  #onLost(error: MachineFault): void {
    if (!this.#isEnding) this.#state.die(error);
  }

  #onLifecycle({ event, detail }: Omit<LifecycleEvent, "domain">): void {
    if (event === "Shutdown") this.#hostAsked = /host request/.test(detail);
    if (event !== "Stopped" || this.#isEnding) return;
    if (!this.#state.isOn) {
      this.#endedEarly = detail;
      return;
    }
    const isOwn = detail === "Shutdown" && !this.#hostAsked;
    this.#settled = this.#onStopped(isOwn ? null : detail);
  }

  /** `why`: null where the guest switched itself off. */
  async #onStopped(why: string | null): Promise<void> {
    this.#isEnding = true;
    await this.#life.ended();
    await this.#whenOff(() => {
      if (why !== null)
        this.#state.die(
          new MachineFault(`The domain of machine '${this.spec.name}' ended.`, {
            details: { libvirt: this.#parts.virsh.uri, said: `Stopped ${why}` },
          }),
        );
      else if (!this.#state.isOffAwaited)
        this.console.machineSaid("powered-off", "the guest switched itself off");
    });
  }

  /** Everything around a domain that has ended: its console is read to the end first. */
  async #whenOff(said: () => void = () => undefined): Promise<void> {
    this.port?.close();
    const services = this.#services;
    this.#services = null;
    await services?.[Symbol.asyncDispose]();
    await this.#follower.stop();
    said();
    this.console.poweredOff();
    this.#state.turnedOff();
  }

  async #onMonitor({ name, data }: QmpEvent): Promise<void> {
    if (name === "VSERPORT_CHANGE" && data.id === portId)
      this.port?.guestChanged(data.open === true);
    if (name === "BLOCK_IO_ERROR" && data.action === "stop")
      this.#state.die(diskFailed(this.spec.name, data));
    if (name === "RESET" && data.guest === true) {
      // The event is faster than the console file: what the ending boot said last must not count for the next one.
      await this.#follower.catchUp();
      this.console.machineReset();
    }
  }
}
