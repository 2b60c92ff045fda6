/**
 * A small client of QEMU's monitor protocol (QEMU docs/interop/qmp-spec): greeting, capabilities, commands with ids,
 * events. The harness listens and QEMU connects, so there is nothing to poll. What it says is capped like guest output.
 */
import type { Socket } from "node:net";
import { z } from "zod";
import { MachineFault } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";

const message = z.object({
  QMP: z.object({}).loose().optional(),
  id: z.number().optional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).optional(),
  event: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});
type Message = z.infer<typeof message>;

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface QmpOptions {
  /** Budget of one answer, in milliseconds. Default 10 s. */
  readonly answerMs?: number;
  readonly onEvent?: (event: QmpEvent) => void;
}

const maxLine = 1024 * 1024;

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class QmpClient {
  readonly #socket: Socket;
  readonly #answerMs: number;
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #rest = "";
  #greeted: () => void = () => undefined;
  #ended: Error | null = null;

  private constructor(socket: Socket, { answerMs = 10_000, onEvent }: QmpOptions) {
    this.#socket = socket;
    this.#answerMs = answerMs;
    if (onEvent !== undefined) this.#listeners.add(onEvent);
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", (cause) =>
      this.#end(new MachineFault("QEMU's monitor broke off.", { cause })),
    );
    socket.on("close", () => this.#end(new MachineFault("QEMU closed its monitor.")));
  }

  /** Shakes hands over a connected socket. Throws MachineFault when QEMU does not answer in time or speaks nonsense. */
  static async attach(
    socket: Socket,
    options: QmpOptions & { readonly signal: AbortSignal },
  ): Promise<QmpClient> {
    const client = new QmpClient(socket, options);
    await client.#inTime("greeting", options.signal, (resolve, reject) => {
      client.#greeted = () => resolve(undefined);
      client.#pending.set(0, { command: "greeting", resolve, reject });
    });
    client.#pending.delete(0);
    await client.execute("qmp_capabilities", {}, options.signal);
    return client;
  }

  /** Runs a monitor command and returns its result. Throws MachineFault: refused, no answer in time, monitor closed. */
  async execute(command: string, args: object, signal: AbortSignal): Promise<unknown> {
    const id = this.#nextId++;
    try {
      return await this.#inTime(command, signal, (resolve, reject) => {
        this.#pending.set(id, { command, resolve, reject });
        this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Waits for an event. Subscribe before the command that causes it. Throws MachineFault when the monitor closes. */
  waitForEvent(
    accept: (event: QmpEvent) => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const id = this.#nextId++;
    let listener: (event: QmpEvent) => void = () => undefined;
    const promise = this.#inTime(
      "event",
      signal,
      (resolve, reject) => {
        this.#pending.set(id, { command: "event", resolve, reject });
        listener = (event) => accept(event) && resolve(event);
        this.#listeners.add(listener);
      },
      timeoutMs,
    ).finally(() => {
      this.#listeners.delete(listener);
      this.#pending.delete(id);
    });
    // The command that was to cause the event may fail first; then nobody looks at this promise any more.
    promise.catch(() => undefined);
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #inTime(
    what: string,
    signal: AbortSignal,
    start: (resolve: (value: unknown) => void, reject: (error: Error) => void) => void,
    timeoutMs = this.#answerMs,
  ): Promise<unknown> {
    signal.throwIfAborted();
    if (this.#ended !== null) throw this.#ended;
    let timer: NodeJS.Timeout | undefined;
    let onAbort: () => void = () => undefined;
    try {
      return await new Promise<unknown>((resolve, reject) => {
        onAbort = () => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        const late = () =>
          reject(
            new MachineFault(
              `QEMU's monitor did not answer '${what}' within ${formatDuration(timeoutMs)}.`,
            ),
          );
        timer = setTimeout(late, timeoutMs);
        start(resolve, reject);
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > maxLine) {
      this.#end(new MachineFault(`QEMU's monitor sent a line of more than ${maxLine} characters.`));
      this.#socket.destroy();
      return;
    }
    for (const line of lines) if (line.trim() !== "") this.#handle(line);
  }

  #handle(line: string): void {
    let parsed: Message;
    try {
      parsed = message.parse(JSON.parse(line));
    } catch (cause) {
      const said = JSON.stringify(line.slice(0, 200));
      this.#end(
        new MachineFault("QEMU's monitor sent what is not QMP.", { cause, details: { said } }),
      );
      this.#socket.destroy();
      return;
    }
    if (parsed.QMP !== undefined) this.#greeted();
    if (parsed.event !== undefined) {
      const event = { name: parsed.event, data: parsed.data ?? {} };
      for (const listener of [...this.#listeners]) listener(event);
    }
    const pending = parsed.id === undefined ? undefined : this.#pending.get(parsed.id);
    if (pending === undefined) return;
    if (parsed.error === undefined) pending.resolve(parsed.return);
    else
      pending.reject(new MachineFault(`QEMU refused '${pending.command}': ${parsed.error.desc}`));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
