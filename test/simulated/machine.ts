/** A simulated machine: power, console and network of one simulated system. */
import { appendFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ServerChannel } from "ssh2";
import { type Deviation, deviation } from "../../harness/base/deviations.ts";
import { MachineFault } from "../../harness/base/errors.ts";
import type { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import type { Machine, MachineSpec, Power, SshAddress } from "../../harness/machine/machine.ts";
import { PowerState } from "../../harness/machine/power-state.ts";
import { endOfBoot } from "./boot-end.ts";
import { bootLines, firmwareLines, powerOffLines, shutdownLines } from "./console-script.ts";
import type { Answer } from "./exit.ts";
import { SimulatedFiles } from "./file-system.ts";
import { pickedFrom } from "./grub-menu.ts";
import { simulatedRecord } from "./power-cuts.ts";
import { runCommandLine } from "./programs.ts";
import { asksAtBoot } from "./root-lock.ts";
import { type SerialAnswer, SerialShell } from "./serial-shell.ts";
import { authorizedKeys, flood, junk, loginCommand, readInput } from "./ssh-input.ts";
import { SimulatedSshServer } from "./ssh-server.ts";
import type { SimulatedSystem } from "./system.ts";

export class SimulatedMachine implements Machine {
  readonly spec: MachineSpec;
  readonly console: ConsoleLog;
  readonly power: Power;
  readonly screen = null;
  readonly accelerator = "none";
  readonly start = "cold";
  readonly record: ReturnType<typeof simulatedRecord>;
  readonly #state = new PowerState();
  readonly #system: SimulatedSystem;
  readonly #diskPassphrase: string | undefined;
  /** Takes what is typed where a program asks; otherwise the terminal echoes it. */
  #asks: ((typed: string) => void) | null = null;
  readonly #files: SimulatedFiles;
  readonly #ssh: SimulatedSshServer;
  readonly #serial: SerialShell;
  #address: SshAddress | null = null;
  /** Somebody is at the serial terminal and will choose from the next menu; at the menu itself that is known already. */
  #isAwaited = false;
  /** All that was typed at its serial port, oldest first. */
  readonly typed: string[] = [];
  /** Counts power changes, so that a boot that was overtaken stops. */
  #epoch = 0;
  #closed: Promise<void> | null = null;

  constructor(spec: MachineSpec, system: SimulatedSystem, console: ConsoleLog, secret?: string) {
    this.spec = spec;
    this.#diskPassphrase = secret;
    this.record = simulatedRecord(spec);
    this.console = console;
    this.#system = system;
    this.#files = new SimulatedFiles(system);
    this.#ssh = new SimulatedSshServer({
      authorizedKeys: () => authorizedKeys(spec.credentials),
      onCommand: (command, channel) => {
        // What goes wrong in here is a command that the other side has given up.
        this.#answer(command, channel).catch(() => undefined);
      },
    });
    this.#serial = new SerialShell({
      say: (text) => this.#say(text),
      run: (command, input) => this.#runOnSerial(command, input),
      letsIn: spec.credentials["agetty.autologin"] === "root",
    });
    console.attach({ type: async (text) => this.#hear(text) });
    const { leaveMenu } = console;
    console.leaveMenu = () => {
      this.#isAwaited ||= console.stage !== "bootloader";
      leaveMenu();
    };
    this.power = {
      on: async () => {
        this.console.poweredOn();
        this.#startBoot();
      },
      off: async () => this.#cutPower(),
      reset: async () => {
        this.#cutPower();
        this.console.poweredOn();
        this.#startBoot();
      },
    };
  }

  get died(): Promise<never> {
    return this.#state.died;
  }
  waitForOff(signal: AbortSignal): Promise<void> {
    return this.#state.waitForOff(signal);
  }

  /** What is on its disk and in its memory, for a fork. */
  get system(): SimulatedSystem {
    return this.#system;
  }

  /** Goes on where the machine that has this system was frozen. */
  resume(): void {
    this.console.resumed();
    this.#state.turnedOn();
    this.#ssh.state = "open";
  }

  /** Takes a port. */
  async open(): Promise<void> {
    appendFileSync(this.console.path, "");
    this.#address = await this.#ssh.listen();
  }

  get deviations(): readonly Deviation[] {
    return [deviation("simulated"), ...this.console.deviations];
  }

  async sshAddress(): Promise<SshAddress> {
    if (this.#address === null) throw new MachineFault("The simulated machine has no port yet.");
    return this.#address;
  }

  /** True once somebody has begun to end it. */
  get isClosed(): boolean {
    return this.#closed !== null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#epoch++;
    await this.#ssh.close();
    this.console.poweredOff();
    this.#state.turnedOff();
  }

  #cutPower(): void {
    this.#goDark();
    this.#system.powerCut();
    this.console.poweredOff();
    this.#state.turnedOff();
  }

  #goDark(): void {
    this.#epoch++;
    this.#ssh.state = "closed";
    this.#ssh.drop();
  }

  #startBoot(): void {
    this.#boot().catch((error: unknown) =>
      this.#state.die(new MachineFault("The simulated guest failed to boot.", { cause: error })),
    );
  }

  async #boot(): Promise<void> {
    const epoch = ++this.#epoch;
    const system = this.#system;
    this.#serial.reset();
    this.#state.turnedOn();
    await nextTurn();
    if (epoch !== this.#epoch) return;
    this.#print(firmwareLines);
    const isShown = system.bootLoader.grub.showsMenu();
    const picked = isShown && this.#isAwaited ? await this.#pickedEntry() : 0;
    if (epoch !== this.#epoch) return;
    if (picked !== 0 && system.is("old-entry-dead"))
      return this.#print(["error: file `/ostree/default/vmlinuz-7.2.0-sim' not found."]);
    system.start(picked);
    const end = endOfBoot(system);
    for (const group of bootLines(system.booted.image.version, end)) {
      await nextTurn();
      if (epoch !== this.#epoch) return;
      this.#print(group);
      const isInitrd = group.some((line) => line.endsWith("Running in initrd."));
      if (isInitrd && asksAtBoot(system, this.spec, this.#diskPassphrase)) await this.#openDisk();
      if (epoch !== this.#epoch) return;
    }
    if (end === "red") await this.#reboot();
    if (end === "login") this.#ssh.state = system.is("loses-network") ? "silent" : "open";
  }

  /** Somebody is known to be at GRUB's menu. Returns the place of the entry that was chosen. */
  async #pickedEntry(): Promise<number> {
    this.#isAwaited = false;
    const key = () =>
      new Promise<string>((resolve) => {
        this.#asks = resolve;
      });
    const picked = await pickedFrom(this.#system.bootLoader.menu, (text) => this.#say(text), key);
    this.#asks = null;
    return picked;
  }

  /** systemd-cryptsetup asks again and again; a star stands for each character. */
  async #openDisk(): Promise<void> {
    const question = "\u{1f510} Please enter passphrase for disk luks-1: (press TAB for no echo) ";
    for (let typed = ""; typed !== `${this.#diskPassphrase}\r`; ) {
      this.#say(question);
      typed = await new Promise<string>((resolve) => {
        this.#asks = resolve;
      });
      this.#asks = null;
      this.#say(`${"*".repeat(typed.length - 1)}\r\n`);
    }
  }

  #print(lines: readonly string[]): void {
    this.#say(`${lines.join("\r\n")}\r\n`);
  }

  #say(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    // A few lines a boot: written at once, so that a test that looks at the file finds them.
    appendFileSync(this.console.path, bytes);
    this.console.feed(bytes);
  }

  /** A terminal's echo: the machine says what is typed at it, like a real one that waits for a login. */
  #hear(text: string): void {
    if (this.console.stage === "off")
      throw new MachineFault(`Machine '${this.spec.name}' is switched off.`);
    this.typed.push(text);
    if (this.#asks === null) this.#serial.hear(text);
    else this.#asks(text);
  }

  /** What a watchdog, greenboot or an automatic update does to a guest. */
  restartItself(): Promise<void> {
    return this.#reboot();
  }

  async #reboot(): Promise<void> {
    const epoch = this.#epoch;
    await nextTurn();
    if (epoch !== this.#epoch) return;
    this.#print(shutdownLines);
    this.#system.shutDown();
    this.#goDark();
    this.#startBoot();
  }

  die(why: string): void {
    this.#goDark();
    this.#state.die(new MachineFault(`Machine '${this.spec.name}' died (${why}).`));
    this.#state.turnedOff();
  }

  async switchItselfOff(): Promise<void> {
    await nextTurn();
    this.#print(powerOffLines);
    this.#system.shutDown();
    this.#goDark();
    if (!this.#state.isOffAwaited)
      this.console.machineSaid("powered-off", "the guest switched itself off");
    this.console.poweredOff();
    this.#state.turnedOff();
  }

  async #runOnSerial(command: string, input: string): Promise<SerialAnswer | null> {
    const system = this.#system;
    if (system.is("hangs") && !loginCommand.test(command)) return null;
    const { mounts } = system;
    const answer = runCommandLine(command, { input, system, files: this.#files, mounts });
    // Once the answer has gone out, as with SSH.
    setImmediate(() => void this.#afterwards(answer));
    return answer;
  }

  async #afterwards({ afterwards }: Answer): Promise<void> {
    if (afterwards === "reboot") await this.#reboot();
    if (afterwards === "poweroff") await this.switchItselfOff();
  }

  async #answer(command: string, channel: ServerChannel): Promise<void> {
    const system = this.#system;
    if (!loginCommand.test(command)) {
      if (system.is("hangs")) return;
      if (system.is("reboots-itself")) return this.restartItself();
      if (system.is("follow-hangs") && command.startsWith("unshare ")) return;
      if (system.is("drops-ssh")) return this.#ssh.drop();
      if (system.is("machine-dies")) return this.die("sabotage");
      if (system.is("floods")) return flood(channel);
      if (system.is("junk")) channel.write(junk);
    }
    const input = await readInput(channel);
    const { mounts } = system;
    const answer = runCommandLine(command, { input, system, files: this.#files, mounts });
    if (answer.stdout !== "") channel.write(answer.stdout);
    if (answer.stderr !== "") channel.stderr.write(answer.stderr);
    channel.exit(answer.exitCode);
    channel.end();
    await this.#afterwards(answer);
  }
}
