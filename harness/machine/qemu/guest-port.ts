/**
 * The root channel's port as QEMU has it: a UNIX socket on which QEMU listens, and an event of its monitor that tells
 * whether a program in the guest holds the port open (VSERPORT_CHANGE, QEMU docs/interop/qemu-qmp-ref). The harness
 * calls before the guest runs and stays on the line, since a guest whose host has hung up reads the end of its input.
 */
import { connect, type Socket } from "node:net";
import { MachineFault } from "../../base/errors.ts";
import type { GuestPort } from "../machine.ts";

/** `id` of its device. */
export const portId = "channel0";
/** The line stays dead until the guest's program has let go of the port, since one that is late misses a short end of its input. Milliseconds at most. */
const hangUpMs = 15_000;

/** The line from the harness to the port's other end. */
export interface GuestLine {
  /** Hands over a connection as soon as there is one. Throws MachineFault where none can be had. */
  call(take: (socket: Socket) => void): Promise<void>;
  /** No connection is taken until the next call. */
  hangUp(): void;
}

/** Calls a QEMU that listens on a UNIX socket. */
const callOf = (path: string): GuestLine => ({
  async call(take) {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (cause) =>
        reject(new MachineFault("QEMU does not take the call of the root channel.", { cause })),
      );
    });
    take(socket);
  },
  hangUp: () => undefined,
});

export class QemuGuestPort implements GuestPort {
  readonly #line: GuestLine;
  readonly #onChange = new Set<(guestListens: boolean) => void>();
  readonly #onData = new Set<(bytes: Buffer) => void>();
  #socket: Socket | null = null;
  #guestListens = false;
  #again: NodeJS.Timeout | null = null;

  /** `line`: the path of the UNIX socket on which QEMU listens, or another way to its other end. */
  constructor(line: string | GuestLine) {
    this.#line = typeof line === "string" ? callOf(line) : line;
  }

  get guestListens(): boolean {
    return this.#guestListens;
  }

  onChange(listener: (guestListens: boolean) => void): () => void {
    this.#onChange.add(listener);
    return () => void this.#onChange.delete(listener);
  }

  onData(listener: (bytes: Buffer) => void): () => void {
    this.#onData.add(listener);
    return () => void this.#onData.delete(listener);
  }

  send(text: string): void {
    this.#socket?.write(text);
  }

  hangUp(): void {
    if (this.#socket === null) return;
    this.#line.hangUp();
    this.#socket.destroy();
    this.#socket = null;
    this.#again = setTimeout(() => this.#callAgain(), hangUpMs).unref();
  }

  #callAgain(): void {
    if (this.#again === null) return;
    clearTimeout(this.#again);
    this.#again = null;
    this.call().catch(() => undefined);
  }

  /** Gets the line to a QEMU that has come up. Throws MachineFault when it does not take the call. */
  async call(): Promise<void> {
    await this.#line.call((socket) => this.#take(socket));
  }

  #take(socket: Socket): void {
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      for (const listener of [...this.#onData]) listener(bytes);
    });
    // An idle line must not keep the harness running; the code that waits for an answer has its own timer.
    socket.unref();
    this.#socket = socket;
  }

  /** Told by the monitor. */
  guestChanged(listens: boolean): void {
    if (listens === this.#guestListens) return;
    this.#guestListens = listens;
    if (!listens) this.#callAgain();
    for (const listener of [...this.#onChange]) listener(listens);
  }

  /** QEMU has ended. */
  close(): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
    this.#line.hangUp();
    this.#socket?.destroy();
    this.#socket = null;
    this.guestChanged(false);
  }
}
