/** A board without a machine: a plug that switches it, a serial line over TCP that says what boards say, and GRUB that is typed at. */

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { ScriptedGrub } from "../simulated/scripted-grub.ts";
import { HttpPlug, type PlugOptions } from "./http-plug.ts";
import { SerialFault, type SerialFaultKind } from "./serial-fault.ts";

export interface ScriptedBoardOptions {
  /** `no-grub`: the kernel comes without a menu. `silent-firmware`: nothing comes after its first words. `drops`: one typed byte is lost. */
  readonly fault?: "no-grub" | "silent-firmware" | "drops";
  readonly plug?: Pick<PlugOptions, "fault">;
  /** All that it says when power comes, in the place of firmware and GRUB. */
  readonly says?: string;
  /** What its serial line does to that. */
  readonly serial?: SerialFaultKind;
  /** What is said once the kernel has told its command line. */
  readonly system?: string;
}

const titles = ["Fedora Linux 43 (ostree:0)", "Fedora Linux 43 (ostree:1)"];
const source = [
  "load_video",
  "set gfxpayload=keep",
  "linux /ostree/x/vmlinuz root=UUID=1-2 rw console=ttyS0 ostree=/ostree/boot.1/x/0",
  "initrd /ostree/x/initramfs.img",
];
const booted =
  "[    1.0] systemd[1]: systemd 257 running in system mode.\r\n\r\nFedora Linux 43\r\nKernel 6.17 on an x86_64 (ttyS0)\r\n\r\nboard login: ";

export class ScriptedBoard implements AsyncDisposable {
  /** Command lines of the kernels that were booted. */
  readonly commandLines: string[] = [];
  plug!: HttpPlug;
  isOn = false;
  readonly #options: ScriptedBoardOptions;
  readonly #server: Server;
  readonly #fault: SerialFault;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #grub: ScriptedGrub | null = null;

  private constructor(options: ScriptedBoardOptions) {
    this.#options = options;
    this.#fault = new SerialFault(options.serial);
    this.#server = createServer((socket) => this.#connected(socket));
  }

  static async start(options: ScriptedBoardOptions = {}): Promise<ScriptedBoard> {
    const board = new ScriptedBoard(options);
    await board.plugIn();
    const onPower = (isOn: boolean): void => board.#power(isOn);
    board.plug = await HttpPlug.start({ kind: "plain", ...options.plug, onPower });
    return board;
  }

  /** The port of its serial line. */
  get port(): number {
    return this.#port;
  }

  /** What `boards.yaml` says of it, as YAML in one line each. */
  describe({
    storage,
    power,
    limits = "",
    more = "",
  }: {
    readonly storage: string;
    readonly power?: string | undefined;
    readonly limits?: string | undefined;
    readonly more?: string;
  }): string {
    const { host } = this.plug;
    const state = `{ url: "http://${host}/state", "on": "outlet=1", "off": "outlet=0" }`;
    const plug = `{ by: http, "on": "http://${host}/on", "off": "http://${host}/off", state: ${state} }`;
    return `    architecture: x86_64
    power: ${power ?? plug}
    console: { by: tcp, host: 127.0.0.1, port: ${this.port} }
    storage: ${storage}
    limits: { switchSeconds: 2, offSeconds: 0${limits} }
${more}`;
  }

  say(text: string): void {
    const heard = this.#fault.pass(Buffer.from(text, "latin1"));
    for (const socket of this.#sockets) socket.write(heard);
  }

  /** Its system switches itself off, as far as a board can. */
  powerDown(): void {
    this.say("[   90.0] reboot: Power down\r\n");
  }

  /** Its system starts again. */
  reboot(): void {
    this.say("[   90.0] reboot: Restarting system\r\n");
    this.#boot();
  }

  /** The serial line is there, at the port that it had before. */
  async plugIn(): Promise<void> {
    if (this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** The serial line is pulled out. */
  async unplug(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plug[Symbol.asyncDispose]();
    await this.unplug();
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (bytes) => {
      for (const key of bytes.toString("latin1")) this.#grub?.press(key);
    });
  }

  #power(isOn: boolean): void {
    this.isOn = isOn;
    this.#grub = null;
    if (isOn) this.#boot();
  }

  #boot(): void {
    const { fault, says } = this.#options;
    if (says !== undefined) {
      this.say(says);
      return;
    }
    this.say('BdsDxe: loading Boot0001 "card" from PciRoot(0x0)\r\n');
    if (fault === "silent-firmware") return;
    if (fault === "no-grub") {
      this.#kernel("x root=y quiet");
      return;
    }
    this.#grub = new ScriptedGrub({
      ...{ titles, source },
      ...(fault === "drops" ? { loses: 9 } : {}),
      say: (text) => this.say(text),
      boot: (words) => this.#kernel(words),
    });
    this.say("Welcome to GRUB!\r\n");
    this.#grub.drawMenu();
  }

  #kernel(words: string): void {
    this.#grub = null;
    this.commandLines.push(words);
    this.say(
      `\x1b[2J\x1b[1;1H  Booting a command list\r\n\r\n[    0.000000] Linux version 6.17.1\r\n[    0.000000] Command line: BOOT_IMAGE=${words}\r\n`,
    );
    this.say(this.#options.system ?? booted);
  }
}
