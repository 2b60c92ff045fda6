/**
 * Waits for the server's first words before any handshake. A login attempt costs an emulated guest more than a second of
 * CPU and QEMU's port forward accepts connections long before the guest listens, so only the banner proves that sshd is
 * there. The very socket that heard it is used for the login: nothing is asked for twice.
 */
import { connect, type Socket } from "node:net";
import type { SshAddress } from "../../machine/machine.ts";

export interface BannerOptions {
  /** For the whole try, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told how far the try has come, for the message of a wait that ends in the middle of it. */
  readonly onProgress?: (state: string) => void;
}

/** RFC 4253, 4.2: a server may say other lines first; this is where we stop reading them. */
const maxGreeting = 8192;

/** In the state of a try that met something else than an sshd. */
export const speaksOtherwise = "where an SSH banner belongs";

/** Connects and returns the socket, paused, with the banner still in it. Rejects with a plain Error that says what was met. */
export function openBannerSocket(address: SshAddress, options: BannerOptions): Promise<Socket> {
  const where = `${address.host}:${address.port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, noDelay: true });
    let heard = Buffer.alloc(0);
    let state = `connecting to ${where}`;
    const say = (text: string): void => {
      state = text;
      options.onProgress?.(text);
    };
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      options.signal.removeEventListener("abort", onAbort);
      // Only what was put there here: net keeps listeners of its own on a socket.
      for (const [event, listener] of listeners) socket.off(event, listener);
      done();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        socket.on("error", () => undefined);
        socket.destroy();
        reject(error);
      });
    const onAbort = (): void => fail(options.signal.reason);
    const timer = setTimeout(() => fail(new Error(state)), options.timeoutMs);
    options.signal.addEventListener("abort", onAbort, { once: true });
    say(state);
    const onConnect = (): void => say(`connected to ${where}, but no SSH banner has come`);
    const onClose = (): void =>
      fail(new Error(`${where} closed the connection without an SSH banner`));
    const onData = (chunk: Buffer): void => {
      heard = Buffer.concat([heard, chunk]);
      const text = heard.toString("latin1");
      if (/^SSH-/m.test(text)) {
        settle(() => {
          socket.pause();
          socket.unshift(heard);
          resolve(socket);
        });
      } else if (heard.length > 4) {
        say(`${where} said ${JSON.stringify(text.slice(0, 60))} ${speaksOtherwise}`);
        if (heard.length > maxGreeting) fail(new Error(state));
      }
    };
    const listeners = [
      ["connect", onConnect],
      ["error", fail],
      ["close", onClose],
      ["data", onData],
    ] as const;
    for (const [event, listener] of listeners) socket.on(event, listener);
    if (options.signal.aborted) onAbort();
  });
}
