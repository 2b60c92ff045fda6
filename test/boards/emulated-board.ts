/**
 * A board on a shelf that is not there: QEMU behind the parts of a real board. A plug starts and kills it, its serial line is a TCP port that stays when
 * it is off, its card is a file that a program of the lab writes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { FileFollower } from "../../harness/machine/console/console-follower.ts";
import { HttpPlug, type PlugOptions } from "./http-plug.ts";
import { SerialFault, type SerialFaultKind } from "./serial-fault.ts";

/** What starts when power comes: a program and its arguments. Null where the board does nothing that can be seen. */
export type StartsWith = () => Promise<readonly string[] | null>;

export interface EmulatedBoardOptions {
  /** Its card, `boards.yaml` and what it says lie there. */
  readonly folder: string;
  readonly name: string;
  /** Lines of `boards.yaml` that are this board's own, without their indent. */
  readonly described: readonly string[];
  readonly startsWith: StartsWith;
  /** Program and arguments that write the card. Default: a copy. */
  readonly write?: readonly string[] | undefined;
  readonly plug?: Pick<PlugOptions, "fault"> | undefined;
  readonly serial?: SerialFaultKind | undefined;
}

export class EmulatedBoard implements AsyncDisposable {
  readonly card: string;
  /** The file that describes it. */
  readonly boardsPath: string;
  /** What QEMU itself said. */
  said = "";
  readonly #options: EmulatedBoardOptions;
  /** What its serial port says goes to a file first: QEMU drops what a reader is late for (seen). */
  readonly #serial: string;
  readonly #follower: FileFollower;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #fault: SerialFault;
  #plug: HttpPlug | null = null;
  #qemu: ChildProcess | null = null;
  /** Power by the plug; QEMU may have ended while it is on. */
  #isOn = false;
  /** One change of power after the other. */
  #changes: Promise<void> = Promise.resolve();

  private constructor(options: EmulatedBoardOptions) {
    const { folder } = options;
    this.#options = options;
    this.card = join(folder, "card.raw");
    this.boardsPath = join(folder, "boards.yaml");
    this.#serial = join(folder, "serial.log");
    this.#fault = new SerialFault(options.serial);
    this.#follower = new FileFollower(this.#serial, {
      maxBytes: 1024 ** 3,
      onFull: () => undefined,
      onBytes: (bytes) => {
        // A copy: the follower reads into the same memory again.
        const heard = this.#fault.pass(Buffer.from(bytes));
        for (const socket of this.#sockets) socket.write(heard);
      },
    });
    this.#follower.start();
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("data", (bytes) => this.#qemu?.stdin?.write(bytes));
    });
  }

  static async start(options: EmulatedBoardOptions): Promise<EmulatedBoard> {
    const board = new EmulatedBoard(options);
    await new Promise<void>((resolve) => board.#server.listen(0, "127.0.0.1", resolve));
    const onPower = (isOn: boolean): void => board.#power(isOn);
    board.#plug = await HttpPlug.start({ kind: "plain", ...options.plug, onPower });
    const { host } = board.#plug;
    const { port } = board.#server.address() as AddressInfo;
    const write = options.write ?? ["cp", "--sparse=always", "{image}", board.card];
    const lines = [
      "power:",
      "  by: http",
      `  "on": http://${host}/on`,
      `  "off": http://${host}/off`,
      `  state: { url: "http://${host}/state", "on": outlet=1, "off": outlet=0 }`,
      `console: { by: tcp, host: 127.0.0.1, port: ${port} }`,
      `storage: { by: command, write: ${JSON.stringify(write)} }`,
      ...options.described,
    ].map((line) => `    ${line}\n`);
    await writeFile(board.boardsPath, `version: 1\nboards:\n  ${options.name}:\n${lines.join("")}`);
    return board;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plug?.[Symbol.asyncDispose]();
    this.#power(false);
    await this.#changes;
    await this.#follower.stop();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #power(isOn: boolean): void {
    this.#isOn = isOn;
    this.#changes = this.#changes
      .then(() => this.#become(isOn))
      .catch((error: unknown) => {
        this.said += `${error}`;
      });
  }

  async #become(isOn: boolean): Promise<void> {
    this.#qemu?.kill("SIGKILL");
    this.#qemu = null;
    if (!isOn) return;
    const command = await this.#options.startsWith();
    if (command === null) return;
    const output = openSync(this.#serial, "a");
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
      stdio: ["pipe", output, "pipe"],
    });
    closeSync(output);
    this.#qemu = child;
    child.stdin?.on("error", () => undefined);
    child.stderr?.on("data", (bytes: Buffer) => {
      this.said = (this.said + bytes.toString("utf8")).slice(-4000);
    });
  }
}
