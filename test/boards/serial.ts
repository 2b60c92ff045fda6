/** Serial lines without hardware: socat's pseudo terminals are the two ends of a cable, ser2net is the console server of a lab. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { exists } from "../../harness/base/exists.ts";
import { freePort } from "../../harness/base/free-port.ts";
import { waitFor } from "../../harness/base/wait.ts";

const { signal } = new AbortController();

function start(
  file: string,
  args: readonly string[],
): { child: ChildProcess; gone: Promise<void> } {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", file, ...args], { stdio: "ignore" });
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  return { child, gone };
}

/** A cable: what is written at the board's end comes out at the host's, and the other way round. */
export class Cable implements AsyncDisposable {
  readonly hostEnd: string;
  readonly boardEnd: string;
  #socat: { child: ChildProcess; gone: Promise<void> } | null = null;
  #board: FileHandle | null = null;

  constructor(folder: string, name = "tty") {
    this.hostEnd = join(folder, `${name}-host`);
    this.boardEnd = join(folder, `${name}-board`);
  }

  async plugIn(): Promise<void> {
    const pty = (path: string): string => `pty,rawer,link=${path}`;
    this.#socat = start("socat", [pty(this.hostEnd), pty(this.boardEnd)]);
    await waitFor({
      what: "the cable",
      timeoutMs: 20_000,
      intervalMs: 20,
      signal,
      probe: async () =>
        ((await exists(this.hostEnd)) && (await exists(this.boardEnd))) || undefined,
    });
    this.#board = await open(
      this.boardEnd,
      constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  }

  /** The adapter is pulled out: its device goes away. */
  async unplug(): Promise<void> {
    await this.#board?.close().catch(() => undefined);
    this.#board = null;
    this.#socat?.child.kill("SIGTERM");
    await this.#socat?.gone;
    this.#socat = null;
  }

  /** The board says something. */
  async say(bytes: string | Uint8Array): Promise<void> {
    await this.#board?.write(Buffer.from(bytes as Uint8Array));
  }

  /** What was typed at the board so far, once there is anything. */
  async hears(): Promise<string> {
    return waitFor({
      what: "something typed",
      timeoutMs: 20_000,
      intervalMs: 20,
      signal,
      probe: async () => {
        const { bytesRead, buffer } = (await this.#board?.read(Buffer.alloc(1000), 0, 1000)) ?? {
          bytesRead: 0,
          buffer: Buffer.alloc(0),
        };
        return bytesRead > 0 ? buffer.subarray(0, bytesRead).toString() : undefined;
      },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unplug();
  }
}

/** ser2net in front of a serial device. */
export class ConsoleServer implements AsyncDisposable {
  port = 0;
  readonly #folder: string;
  readonly #device: string;
  readonly #kind: "tcp" | "telnet(rfc2217),tcp";
  #server: { child: ChildProcess; gone: Promise<void> } | null = null;

  constructor(folder: string, device: string, kind: "tcp" | "telnet(rfc2217),tcp") {
    this.#folder = folder;
    this.#device = device;
    this.#kind = kind;
  }

  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const config = join(this.#folder, `ser2net-${this.port}.yaml`);
    await writeFile(
      config,
      `connection: &board\n  accepter: ${this.#kind},127.0.0.1,${this.port}\n  connector: serialdev,${this.#device},9600n81,local\n`,
    );
    this.#server = start("ser2net", ["-n", "-u", "-c", config]);
    await waitFor({
      what: "the console server",
      timeoutMs: 20_000,
      intervalMs: 50,
      signal,
      probe: async () => ((await this.#listens()) ? true : undefined),
    });
  }

  async stop(): Promise<void> {
    this.#server?.child.kill("SIGKILL");
    await this.#server?.gone;
    this.#server = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
  }
}
