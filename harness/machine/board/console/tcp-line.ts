/** A console over TCP: raw, or telnet with RFC 2217, by which the far serial port is told its speed. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { HostUnfit, MachineFault, messageOf } from "../../../base/errors.ts";
import type { ConsoleConfigOf } from "../config-console.ts";
import type { LineListener, OpenLine } from "./line.ts";
import { Rfc2217 } from "./rfc2217.ts";

const connectMs = 10_000;
/** A server that is busy says so at once, and hangs up. Milliseconds. */
const greetingMs = 400;
/** Words of ser2net 4 (`Port already in use`) and of others. */
const busy = /(?:port|device) (?:is )?already in use|(?:is|line) busy|in use by/i;

/** Opens the socket. Throws HostUnfit where nothing listens, or somebody else has the port; MachineFault where the telnet side fails. */
export async function openTcp(
  config: ConsoleConfigOf<"tcp"> | ConsoleConfigOf<"rfc2217">,
  listener: LineListener,
  signal: AbortSignal,
): Promise<OpenLine> {
  const place = `${config.host}:${config.port}`;
  const socket = await dial(config, place, signal);
  let first = "";
  let greeted = false;
  const hear = (bytes: Uint8Array): void => {
    if (!greeted) first = (first + Buffer.from(bytes).toString("latin1")).slice(0, 500);
    listener.onBytes(bytes);
  };
  const telnet =
    config.by === "rfc2217"
      ? new Rfc2217({ baud: config.baud, send: (bytes) => void socket.write(bytes) })
      : null;
  socket.on("data", (bytes) => {
    const data = telnet === null ? bytes : telnet.receive(bytes);
    if (data.length > 0) hear(data);
  });
  const ended = new Promise<string>((resolve) => {
    let reason = "the other side hung up";
    socket.on("error", (error) => {
      reason = messageOf(error);
    });
    socket.once("close", () => resolve(reason));
  });
  const line: OpenLine = {
    ended,
    send: (bytes) =>
      new Promise<void>((resolve, reject) => {
        const raw = telnet === null ? bytes : telnet.escape(bytes);
        socket.write(raw, (error) => (error == null ? resolve() : reject(error)));
      }),
    async [Symbol.asyncDispose]() {
      telnet?.end();
      socket.destroy();
      await ended;
    },
  };
  try {
    if (telnet !== null) await firstWord(socket, ended, signal);
    telnet?.begin();
    await greeting(ended, signal, telnet?.settled);
    greeted = true;
  } catch (cause) {
    await line[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw refusal(place, first, cause);
  }
  return line;
}

async function dial(
  { host, port }: { readonly host: string; readonly port: number },
  place: string,
  signal: AbortSignal,
): Promise<Socket> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(connectMs)]);
  limit.throwIfAborted();
  // The kernel's own first probe comes after two hours (tcp(7)).
  const socket = connect({
    host,
    port,
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
    noDelay: true,
  });
  try {
    await once(socket, "connect", { signal: limit });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    const reason = limit.aborted ? "it does not answer" : messageOf(cause);
    throw new HostUnfit(`The console server ${place} cannot be reached: ${reason}.`, {
      cause,
      details: { "to do": "see whether ser2net (or what serves the console) runs there" },
    });
  }
}

/** What is sent to a server that is hanging up makes the kernel throw away what it said (tcp(7)): it may speak first. */
async function firstWord(
  socket: Socket,
  ended: Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(greetingMs)]);
  const word = once(socket, "data", { signal: limit }).catch(() => undefined);
  await Promise.race([word, ended]);
  signal.throwIfAborted();
}

/** Waits for the telnet side, and long enough that a server which has the port in use has hung up. */
async function greeting(
  ended: Promise<string>,
  signal: AbortSignal,
  settled: Promise<void> | undefined,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const moment = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, greetingMs);
  });
  const gone = ended.then((reason) => {
    throw new Error(reason);
  });
  try {
    await Promise.race([Promise.all([moment, settled]), gone]);
    signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
    gone.catch(() => undefined);
    settled?.catch(() => undefined);
  }
}

function refusal(place: string, said: string, cause: unknown): Error {
  if (cause instanceof HostUnfit || cause instanceof MachineFault) return cause;
  if (busy.test(said))
    return new HostUnfit(`The console server ${place} says that the port is in use.`, {
      cause,
      details: {
        "to do":
          "end the other connection; ser2net lets several in with 'max-connections', which share nothing of what is typed",
      },
    });
  return new HostUnfit(`The console server ${place} hung up at once: ${messageOf(cause)}.`, {
    cause,
    details: { said: said.replace(/[^\x20-\x7e]+/g, " ").trim() || undefined },
  });
}
