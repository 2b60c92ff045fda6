/**
 * One running QEMU: its process and its monitor. The harness listens on the monitor's socket before QEMU starts and
 * QEMU connects, so nothing is polled and an exit before the greeting is seen at once, with QEMU's own words.
 */
import { createServer, type Server, type Socket } from "node:net";
import { MachineFault } from "../../base/errors.ts";
import { type ExitFacts, type OwnedProcess, startProcess } from "../../base/process.ts";
import { QmpClient, type QmpEvent } from "./qmp.ts";

export interface QemuStart {
  readonly binary: string;
  readonly argv: readonly string[];
  /** UNIX socket that `argv` names for the monitor. */
  readonly monitorSocket: string;
  readonly onEvent: (event: QmpEvent) => void;
  /** Budget for QEMU to come up and greet, in milliseconds. */
  readonly greetingMs: number;
  readonly signal: AbortSignal;
  /** Descriptors that QEMU gets from 3 on; they stay the caller's to close. */
  readonly descriptors?: readonly number[];
}

/** QEMU ended before it greeted. What it said decides whether another try makes sense. */
export class QemuEndedEarly extends MachineFault {
  readonly facts: ExitFacts;
  constructor(facts: ExitFacts) {
    super("QEMU ended while it was being started.", { details: exitDetails(facts) });
    this.facts = facts;
  }
  /** Another program took the SSH port between our look and QEMU's start. */
  get portTaken(): boolean {
    return /host forwarding rule|Address already in use/i.test(this.facts.stderrTail);
  }
}

/** Labelled lines for an error about a QEMU that has ended. */
export function exitDetails(facts: ExitFacts): Record<string, string | undefined> {
  const ending = facts.signal === null ? `exit code ${facts.exitCode}` : `signal ${facts.signal}`;
  const said = facts.stderrTail.trim().slice(-2000);
  return { ended: facts.startError ?? ending, said: said === "" ? undefined : said };
}

/** QEMU holds a guest still whose disk the host cannot write, mostly for lack of space: it would hang without end. */
export function diskFailed(
  machine: string,
  { device, operation, nospace, reason }: QmpEvent["data"],
): MachineFault {
  const why = nospace === true ? "the host's disk is full" : String(reason);
  return new MachineFault(`The disk of machine '${machine}' failed: ${why}.`, {
    details: { disk: String(device), while: String(operation) },
    lookAt: "npm run -s bootgate -- doctor",
  });
}

export interface RunningQemu {
  readonly process: OwnedProcess;
  readonly monitor: QmpClient;
  /** Settles when the process is gone. */
  readonly ended: Promise<ExitFacts>;
}

/** UNIX socket paths end at 107 characters and a NUL (unix(7)). */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) > 107)
    throw new MachineFault(
      `The socket path '${path}' is longer than the 107 bytes that unix(7) allows.`,
      {
        lookAt: "set TMPDIR to a shorter folder",
      },
    );
}

/** A server for exactly one caller. */
async function listenOnce(path: string): Promise<{ server: Server; caller: Promise<Socket> }> {
  checkSocketPath(path);
  const server = createServer();
  server.maxConnections = 1;
  const caller = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return { server, caller };
}

/** Starts QEMU and shakes hands. Throws QemuEndedEarly or MachineFault; then nothing of it is left running. */
export async function startQemu(start: QemuStart): Promise<RunningQemu> {
  start.signal.throwIfAborted();
  const monitor = await listenOnce(start.monitorSocket);
  const child = startProcess(start.binary, start.argv, { descriptors: start.descriptors ?? [] });
  const early = child.exited.then((facts): never => {
    throw new QemuEndedEarly(facts);
  });
  early.catch(() => undefined);
  try {
    const socket = await Promise.race([inTime(monitor.caller, start), early]);
    // A monitor that closes is almost always a QEMU that ends, and its exit says more; so the exit gets a moment to win.
    const attached = QmpClient.attach(socket, { onEvent: start.onEvent, signal: start.signal });
    const client = await Promise.race([
      attached.catch((error: unknown) => preferExit(child, error)),
      early,
    ]);
    const ended = child.exited.then((facts) => {
      client.close();
      monitor.server.close();
      return facts;
    });
    return { process: child, monitor: client, ended };
  } catch (error) {
    await child.kill();
    monitor.server.close();
    throw error;
  }
}

async function preferExit(child: OwnedProcess, error: unknown): Promise<never> {
  const timer = new Promise<null>((resolve) => setTimeout(resolve, 500, null).unref());
  const facts = await Promise.race([child.exited, timer]);
  throw facts === null ? error : new QemuEndedEarly(facts);
}

async function inTime(caller: Promise<Socket>, { greetingMs, signal }: QemuStart): Promise<Socket> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(greetingMs)]);
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener(
      "abort",
      () =>
        reject(
          signal.aborted
            ? signal.reason
            : new MachineFault(
                `QEMU's monitor did not answer within ${Math.round(greetingMs / 1000)} s of its start.`,
              ),
        ),
      { once: true },
    );
  });
  late.catch(() => undefined);
  return Promise.race([caller, late]);
}
