/**
 * A PC on a shelf that is not there: QEMU behind the parts of a real board. A plug starts and kills it, its serial line is a TCP port that stays when
 * it is off, its card is a file that a program of the lab writes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { freePort } from "../../harness/base/free-port.ts";
import { FileFollower } from "../../harness/machine/console/console-follower.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { descriptorFolders, findFirmware } from "../../harness/machine/qemu/firmware.ts";
import { HttpPlug } from "./http-plug.ts";

export interface EmulatedPcOptions {
  /** Its card, its firmware's variables and `boards.yaml` lie there. */
  readonly folder: string;
  readonly name?: string;
  readonly memoryMiB?: number;
  /** `none`: it is spoken to over its serial line alone. Default `fixed`. */
  readonly network?: "fixed" | "none";
  /** How much slower it is than hardware. */
  readonly slowness?: number;
}

export class EmulatedPc implements AsyncDisposable {
  readonly card: string;
  /** The file that describes it. */
  readonly boardsPath: string;
  /** What QEMU itself said. */
  said = "";
  readonly #argv: readonly string[];
  /** What its serial port says goes to a file first: QEMU drops what a reader is late for (seen). */
  readonly #serial: string;
  readonly #follower: FileFollower;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #plug: HttpPlug | null = null;
  #qemu: ChildProcess | null = null;

  private constructor(folder: string, argv: readonly string[]) {
    this.card = join(folder, "card.raw");
    this.boardsPath = join(folder, "boards.yaml");
    this.#argv = argv;
    this.#serial = join(folder, "serial.log");
    this.#follower = new FileFollower(this.#serial, {
      maxBytes: 1024 ** 3,
      onFull: () => undefined,
      onBytes: (bytes) => {
        // A copy: the follower reads into the same memory again.
        for (const socket of this.#sockets) socket.write(Buffer.from(bytes));
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

  static async start(options: EmulatedPcOptions): Promise<EmulatedPc> {
    const { folder, memoryMiB = 1536, network = "fixed", slowness = 6 } = options;
    const sshPort = await freePort();
    const facts = architectureFacts.x86_64;
    if (facts === undefined) throw new Error("there is no QEMU for x86_64");
    const found = await findFirmware("uefi", "x86_64", facts, descriptorFolders());
    if (found === null) throw new Error("the host does not have UEFI firmware");
    const vars = join(folder, "vars.fd");
    await copyFile(found.varsTemplate.path, vars);
    const flash = (path: string, format: string, more = "") =>
      `if=pflash,format=${format},file=${path}${more}`;
    const argv = [
      ...["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"],
      ...[
        "-machine",
        found.needsSmm ? "q35,smm=on" : "q35",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        facts.emulatedProcessor,
      ],
      ...["-smp", "2", "-m", `${memoryMiB}M`, "-serial", "stdio"],
      ...["-drive", flash(found.code.path, found.code.format, ",readonly=on")],
      ...["-drive", flash(vars, found.varsTemplate.format)],
      ...["-drive", `if=none,id=card,format=raw,cache=unsafe,file=${join(folder, "card.raw")}`],
      ...["-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci"],
      ...(network === "none"
        ? []
        : [
            ...["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort}-:22`],
            ...["-device", "virtio-net-pci,netdev=net,romfile="],
          ]),
    ];
    const pc = new EmulatedPc(folder, argv);
    await new Promise<void>((resolve) => pc.#server.listen(0, "127.0.0.1", resolve));
    pc.#plug = await HttpPlug.start({ kind: "plain", onPower: (isOn) => pc.#power(isOn) });
    const { host } = pc.#plug;
    const { port } = pc.#server.address() as AddressInfo;
    const address = `{ by: fixed, address: 127.0.0.1, sshPort: ${sshPort} }`;
    await writeFile(
      pc.boardsPath,
      `version: 1
boards:
  ${options.name ?? "emulated-pc"}:
    architecture: x86_64
    power:
      by: http
      "on": http://${host}/on
      "off": http://${host}/off
      state: { url: "http://${host}/state", "on": outlet=1, "off": outlet=0 }
    console: { by: tcp, host: 127.0.0.1, port: ${port} }
    storage: { by: command, write: [cp, "--sparse=always", "{image}", "${pc.card}"] }
    network: ${network === "none" ? "{ by: none }" : address}
    limits: { slowness: ${slowness}, offSeconds: 0 }
`,
    );
    return pc;
  }

  get isOn(): boolean {
    return this.#qemu !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plug?.[Symbol.asyncDispose]();
    this.#power(false);
    await this.#follower.stop();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #power(isOn: boolean): void {
    this.#qemu?.kill("SIGKILL");
    this.#qemu = null;
    if (!isOn) return;
    const command = ["--pdeathsig", "KILL", "--", "qemu-system-x86_64", ...this.#argv];
    const output = openSync(this.#serial, "a");
    const child = spawn("setpriv", command, { stdio: ["pipe", output, "pipe"] });
    closeSync(output);
    this.#qemu = child;
    child.stdin?.on("error", () => undefined);
    child.stderr?.on("data", (bytes: Buffer) => {
      this.said = (this.said + bytes.toString("utf8")).slice(-4000);
    });
  }
}
