// An SSH server with behaviour to order, and a machine around it with a real console: the outside of the guest layer.

import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import ssh2, { type ServerChannel } from "ssh2";
import { asDigest } from "../../../harness/base/units.ts";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import { connectGuest } from "../../../harness/guest/connect.ts";
import type { ConnectOptions } from "../../../harness/guest/connect-options.ts";
import type { Guest } from "../../../harness/guest/guest.ts";
import { ensureSshKey, newPrivateKey } from "../../../harness/guest/ssh/ssh-key.ts";
import { ConsoleLog } from "../../../harness/machine/console/console-log.ts";
import type { GuestPort, Machine } from "../../../harness/machine/machine.ts";

export const oneBootId = "0b8f9c6e-1d2c-4c55-9f0f-5d6a7b8c9d0e";

export type OnCommand = (command: string, channel: ServerChannel, socket: Socket) => void;

export interface FakeOptions {
  /** What happens to a connection: the default speaks SSH. */
  readonly onSocket?: (socket: Socket) => void;
  /** Told of each try to log in, before it is answered. */
  readonly onLogin?: () => unknown;
  /** Asked at each connection: false closes it without a word. */
  readonly speaks?: () => boolean;
  readonly onCommand?: OnCommand;
  /** No server at all on the port. */
  readonly refused?: boolean;
  /** Default: always. */
  readonly acceptsKey?: () => boolean;
  /** Asked at each look at the boot ID. Default: always the same. */
  readonly bootId?: () => string;
  /** True once the guest says nothing more, not even on the connections that stand. */
  readonly mute?: () => boolean;
  /** The machine's port of the root channel. */
  readonly port?: GuestPort;
  /** What root's start-up files print before each command's own output. */
  readonly noise?: { readonly stdout: string; readonly stderr: string };
  /** Told what a client asks to put into a command's environment. */
  readonly onEnv?: (name: string, value: string) => void;
  /** How long the console may be silent. Default a minute. Milliseconds. */
  readonly silenceMs?: number;
  /** What the console says from the start. Default: user space is up. */
  readonly console?: string;
}

export interface Fake extends AsyncDisposable {
  readonly console: ConsoleLog;
  readonly connections: () => number;
  /** Tries to log in, each of which costs a guest a handshake. */
  readonly logins: () => number;
  readonly die: (error: Error) => void;
  readonly options: ConnectOptions;
}

export const reply = (channel: ServerChannel, stdout: string, exitCode = 0, stderr = ""): void => {
  channel.write(stdout);
  channel.stderr.write(stderr);
  channel.exit(exitCode);
  channel.end();
};

/** Starts server and machine; `options` go to connectGuest. */
export async function startFake(fake: FakeOptions = {}): Promise<Fake> {
  const workspace = await createWorkspace("fake");
  const directory = join(workspace.path, "guest");
  mkdirSync(directory);
  const key = await ensureSshKey(join(workspace.path, "key"));
  const sockets = new Set<Socket>();
  let count = 0;
  let logins = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    count++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    if (fake.speaks?.() === false) socket.destroy();
    else if (fake.onSocket === undefined)
      serve(socket, fake, () => {
        logins++;
        fake.onLogin?.();
      });
    else fake.onSocket(socket);
  });
  const port = await listen(server);
  if (fake.refused === true) await new Promise((resolve) => server.close(resolve));
  const console = new ConsoleLog({
    path: join(directory, "console.log"),
    name: "fake",
    firstByteMs: 60_000,
    silenceMs: fake.silenceMs ?? 60_000,
    patience: 1,
  });
  console.poweredOn();
  console.feed(Buffer.from(fake.console ?? "[    0.0] Linux version 7\nWelcome to Fake OS!\n"));
  let die: (error: Error) => void = () => undefined;
  const died = new Promise<never>((_, reject) => {
    die = reject;
  });
  died.catch(() => undefined);
  const machine = {
    spec: { network: "closed" },
    console,
    died,
    start: "cold",
    port: fake.port ?? null,
    sshAddress: async () => ({ host: "127.0.0.1", port }),
  } as unknown as Machine;
  return {
    console,
    die,
    connections: () => count,
    logins: () => logins,
    options: {
      machine,
      name: "fake",
      key,
      signal: new AbortController().signal,
      timeScale: 0.1,
      readyTimeoutMs: 1000,
      image: {
        name: "fake:1",
        digest: asDigest(`sha256:${"1".repeat(64)}`),
        manifest: asDigest(`sha256:${"1".repeat(64)}`),
        architecture: "x86_64",
        disk: null,
        oci: null,
        follows: null,
        standIns: [],
      },
    },
    async [Symbol.asyncDispose]() {
      console.poweredOff();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await workspace[Symbol.asyncDispose]();
    },
  };
}

/** Starts both and begins to connect. */
export async function connectTo(options: FakeOptions) {
  const fake = await startFake(options);
  const guest: Promise<Guest> = connectGuest(fake.options);
  guest.catch(() => undefined);
  return { ...fake, fake, guest };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const hostKey = newPrivateKey();

function serve(
  socket: Socket,
  {
    onCommand,
    acceptsKey = () => true,
    bootId = () => oneBootId,
    mute = () => false,
    noise,
    onEnv,
  }: FakeOptions,
  onLogin: () => void,
): void {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.once("authentication", onLogin);
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      if (acceptsKey() && context.method === "publickey") context.accept();
      else context.reject(["publickey"]);
    });
    client.on("session", (accept) => {
      const session = accept();
      session.on("env", (_accept, _reject, { key, val }) => onEnv?.(key, val));
      session.on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        channel.on("error", () => undefined);
        if (mute()) return;
        if (noise !== undefined) {
          channel.write(noise.stdout);
          channel.stderr.write(noise.stderr);
        }
        if (command.includes("boot_id")) reply(channel, `${bootId()}\n`);
        else onCommand?.(command, channel, socket);
      });
    });
  });
  server.injectSocket(socket);
}
