/**
 * sshd of the simulated guest: ssh2's own server, so that the client under test speaks the real protocol over a real
 * socket. The port is there before the guest listens, as with QEMU's port forward.
 */

import type { AddressInfo } from "node:net";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import ssh2, { type ServerChannel } from "ssh2";
import { newPrivateKey } from "../../harness/guest/ssh/ssh-key.ts";
import type { SshAddress } from "../../harness/machine/machine.ts";

/** How a connection is met: `closed` like a port nobody listens on, `silent` like packets that are dropped. */
export type PortState = "closed" | "silent" | "open";

export interface SshServerOptions {
  /** authorized_keys lines of root. */
  readonly authorizedKeys: () => readonly string[];
  readonly onCommand: (command: string, channel: ServerChannel) => void;
}

let hostKey: string | undefined;

export class SimulatedSshServer {
  state: PortState = "closed";
  readonly #net: NetServer;
  readonly #ssh: ssh2.Server;
  readonly #sockets = new Set<Socket>();
  readonly #options: SshServerOptions;

  constructor(options: SshServerOptions) {
    this.#options = options;
    hostKey ??= newPrivateKey();
    this.#ssh = new ssh2.Server({ hostKeys: [hostKey] }, (client) => this.#serve(client));
    this.#net = createServer({ noDelay: true }, (socket) => this.#meet(socket));
  }

  /** Binds a free port of the loopback. */
  async listen(): Promise<SshAddress> {
    await new Promise<void>((resolve, reject) => {
      this.#net.once("error", reject);
      this.#net.listen(0, "127.0.0.1", resolve);
    });
    this.#net.unref();
    return { host: "127.0.0.1", port: (this.#net.address() as AddressInfo).port };
  }

  /** Ends every connection, as a guest does that goes down. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise<void>((resolve) => this.#net.close(() => resolve()));
  }

  #meet(socket: Socket): void {
    socket.on("error", () => undefined);
    if (this.state === "closed") {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    if (this.state === "open") this.#ssh.injectSocket(socket);
  }

  #serve(client: ssh2.Connection): void {
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      if (context.method === "publickey" && this.#admits(context)) context.accept();
      else context.reject(["publickey"]);
    });
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        channel.on("error", () => undefined);
        this.#options.onCommand(command, channel);
      });
    });
  }

  #admits(context: ssh2.PublicKeyAuthContext): boolean {
    if (context.username !== "root") return false;
    return this.#options.authorizedKeys().some((line) => {
      const key = ssh2.utils.parseKey(line);
      if (key instanceof Error || !key.getPublicSSH().equals(context.key.data)) return false;
      if (context.signature === undefined || context.blob === undefined) return true;
      return key.verify(context.blob, context.signature, context.hashAlgo) === true;
    });
  }
}
