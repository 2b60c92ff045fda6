/**
 * A board as a machine: its card holds the image, its power and its serial line are the lab's. It owns the lease, the line and its
 * folder; disposing switches the board off and frees it, whatever happened.
 */
import type { Deviation } from "../../base/deviations.ts";
import { MachineFault } from "../../base/errors.ts";
import type { Workspace } from "../../base/workspace.ts";
import type { ConsoleLog } from "../console/console-log.ts";
import type { Machine, MachineSpec, Power, SshAddress, WrittenMark } from "../machine.ts";
import { PowerState } from "../power-state.ts";
import type { BootWords } from "./boot-words.ts";
import type { KeptLine } from "./console/kept-line.ts";
import type { Lease } from "./lease/lease.ts";
import { WentOff } from "./went-off.ts";

export interface BoardMachineParts {
  readonly spec: MachineSpec;
  /** Name of the board. */
  readonly board: string;
  readonly console: ConsoleLog;
  readonly line: { readonly line: KeptLine } & AsyncDisposable;
  /** Switches and reads back (`boardPower`). */
  readonly power: Power;
  /** A person is the switch, and takes the time that people take. */
  readonly isByPerson: boolean;
  readonly lease: Lease;
  readonly workspace: Workspace;
  /** What types at each boot loader; null where nothing has to be typed. */
  readonly words: BootWords | null;
  readonly mark: WrittenMark | null;
  readonly address: ((signal: AbortSignal) => Promise<SshAddress>) | null;
  readonly deviations: readonly Deviation[];
  readonly silenceMs?: number | undefined;
  readonly onProgress: (line: string) => void;
}

export class BoardMachine implements Machine {
  readonly spec: MachineSpec;
  readonly console: ConsoleLog;
  readonly power: Power;
  readonly screen = null;
  readonly port = null;
  readonly accelerator = "none";
  readonly start = "cold";
  readonly died: Promise<never>;
  readonly mark: WrittenMark | null;
  readonly sshAddress?: (signal: AbortSignal) => Promise<SshAddress>;
  readonly #parts: BoardMachineParts;
  readonly #state = new PowerState();
  readonly #wentOff: WentOff;
  /** One act of power after the other; settles when the last is done. */
  #acting: Promise<unknown> = Promise.resolve();
  readonly #ending = new AbortController();
  /** When its last boot began, where a person switches it. */
  #poweredOnAt: number | null = null;
  /** A person has been asked to switch it on, and it has not said a word. */
  #isAwaited = false;
  #disposed: Promise<void> | null = null;

  constructor(parts: BoardMachineParts) {
    this.#parts = parts;
    this.spec = parts.spec;
    this.console = parts.console;
    this.mark = parts.mark;
    parts.console.attach({ type: (text) => this.#type(text) });
    this.died = this.#state.died;
    if (parts.address !== null) this.sshAddress = parts.address;
    this.#wentOff = new WentOff(() => void this.#acts(() => this.#guestIsOff()), parts.silenceMs);
    this.power = {
      on: (signal) => this.#acts(() => this.#powerOn(signal)),
      off: (signal) => this.#acts(() => this.#powerOff(signal)),
      reset: (signal) => this.#acts(() => this.#reset(signal)),
    };
    for (const end of [parts.line.line.lost, parts.lease.lost])
      end.catch((error: MachineFault) => {
        if (!this.#isEnding) this.#state.die(error);
      });
  }

  get deviations(): readonly Deviation[] {
    return [
      ...this.#parts.deviations,
      ...(this.#parts.words?.deviations ?? []),
      ...this.console.deviations,
    ];
  }

  get firmware(): readonly string[] {
    return this.console.firmware;
  }

  get poweredOnAt(): number | null {
    return this.#poweredOnAt;
  }

  waitForOff(signal: AbortSignal): Promise<void> {
    return this.#state.waitForOff(signal);
  }

  /** Takes what the board said, once the console has it. Nothing that is said without power is of a boot. */
  hear(bytes: Uint8Array): void {
    if (!this.#state.isOn) return;
    if (this.#isAwaited) this.#hasPower();
    this.console.feed(bytes);
    this.#parts.words?.hear(bytes);
    this.#wentOff.hear(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    await this.#disposed;
  }

  async #dispose(): Promise<void> {
    const { words, lease, line, workspace, board, onProgress } = this.#parts;
    this.#ending.abort(new MachineFault(`Board '${board}' is given back.`));
    this.#wentOff.forget();
    await words?.stop();
    await this.#acting;
    // The keeper switches it off, and can tell when it could not.
    await lease[Symbol.asyncDispose]();
    if (lease.leftOn !== null) onProgress(`board ${board} was not switched off: ${lease.leftOn}`);
    await line[Symbol.asyncDispose]();
    this.console.poweredOff();
    this.#state.turnedOff();
    await workspace[Symbol.asyncDispose]();
  }

  /** Nothing reads what is typed at a board that is off, and some adapters keep it for the next boot. */
  async #type(text: string): Promise<void> {
    if (!this.#state.isOn) throw new MachineFault(`Board '${this.#parts.board}' is switched off.`);
    await this.#parts.line.line.type(text);
  }

  /** In the order of the calls: what a plug is told twice at once comes in any order. */
  #acts<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#acting.then(act);
    this.#acting = done.catch(() => undefined);
    return done;
  }

  async #powerOn(signal: AbortSignal): Promise<void> {
    if (this.#disposed !== null)
      throw new MachineFault(`Board '${this.#parts.board}' is given back.`);
    if (this.#state.isOn) return;
    // Listened to before it speaks.
    this.console.poweredOn();
    this.#state.turnedOn();
    this.#begin();
    try {
      await this.#switchOn(signal);
    } catch (error) {
      await this.#ended();
      throw error;
    }
  }

  async #powerOff(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#state.isOn) return;
    await this.#parts.words?.stop();
    this.#wentOff.forget();
    await this.#parts.power.off(signal);
    await this.#ended();
  }

  async #reset(signal: AbortSignal): Promise<void> {
    if (!this.#state.isOn) throw new MachineFault(`Board '${this.#parts.board}' is switched off.`);
    this.console.rebooting();
    await this.#parts.words?.stop();
    const { power, isByPerson } = this.#parts;
    // Until a person has pulled the plug, the boot before goes on speaking.
    if (isByPerson) await power.off(signal);
    // Listened to before it speaks: power is back when the switch says so.
    this.#begin();
    await (isByPerson ? this.#switchOn(signal) : power.reset(signal));
  }

  /** What a person needs for it is not of the boot, which begins with the first word, or when they say that it is done. */
  async #switchOn(signal: AbortSignal): Promise<void> {
    this.#isAwaited = this.#parts.isByPerson;
    try {
      await this.#parts.power.on(signal);
      if (this.#isAwaited) this.#hasPower();
    } finally {
      this.#isAwaited = false;
    }
  }

  #hasPower(): void {
    this.#isAwaited = false;
    this.#poweredOnAt = performance.now();
    this.console.poweredOn();
  }

  #begin(): void {
    this.#wentOff.begin();
    this.#parts.words?.start();
  }

  async #ended(): Promise<void> {
    await this.#parts.words?.stop();
    this.#wentOff.forget();
    this.console.poweredOff();
    this.#state.turnedOff();
  }

  /** It said that it goes off, and nothing since. Its power is cut as well, so that it is off by the plug too. */
  async #guestIsOff(): Promise<void> {
    if (!this.#state.isOn || this.#isEnding) return;
    const { board, power, isByPerson } = this.#parts;
    const wasAwaited = this.#state.isOffAwaited;
    const tell = async (): Promise<void> => {
      if (!wasAwaited) this.console.machineSaid("powered-off", "the guest switched itself off");
      await this.#ended();
    };
    // How long a person takes for the plug says nothing of the guest: it is off before they are asked.
    if (isByPerson) await tell();
    try {
      await power.off(this.#ending.signal);
    } catch (cause) {
      const fault = `Board '${board}' is off by its own word, and its power was not cut.`;
      if (!this.#isEnding)
        this.#state.die(cause instanceof MachineFault ? cause : new MachineFault(fault, { cause }));
      return;
    }
    if (!isByPerson) await tell();
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }
}
