/**
 * The line of the root channel: the domain's port connects to the harness, and once more each second when it was hung up on
 * (`<reconnect>`). While no connection is wanted nothing listens, so that the guest's program sees the end of its input.
 */
import { createServer, type Server, type Socket } from "node:net";
import { MachineFault } from "../../base/errors.ts";
import type { GuestLine } from "../qemu/guest-port.ts";

export class ServerLine implements GuestLine {
  #server: Server | null = null;
  #port = 0;

  /** The port of the loopback that it was listening on last. */
  get port(): number {
    return this.#port;
  }

  /** Another port at the next call. */
  forgetPort(): void {
    this.#port = 0;
  }

  /** Listens; the first that connects is taken, and nobody after it. */
  async call(take: (socket: Socket) => void): Promise<void> {
    this.hangUp();
    const server = createServer((socket) => {
      if (this.#server !== server) return void socket.destroy();
      this.hangUp();
      take(socket);
    });
    server.unref();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(new MachineFault("Nothing can listen for the root channel.", { cause })),
      );
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
    this.#server = server;
  }

  hangUp(): void {
    this.#server?.close();
    this.#server = null;
  }
}
