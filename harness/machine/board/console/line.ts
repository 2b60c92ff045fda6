/** One serial line of a board, however it is reached: bytes in, bytes out, and the reason when it is gone. */
import type { ConsoleConfig } from "../config-console.ts";

/** A line that is open. It ends once, with a reason; what is kept beyond that is a `KeptLine`. */
export interface OpenLine extends AsyncDisposable {
  /** Sends bytes in the order of the calls. Rejects where the line is gone. */
  send(bytes: Uint8Array): Promise<void>;
  /** Settles with the reason, as the end of a sentence, when the line has ended; never rejects. */
  readonly ended: Promise<string>;
}

/** What a line tells of itself while it is open. */
export interface LineListener {
  onBytes(bytes: Uint8Array): void;
}

/** Opens a line. Throws HostUnfit where this host cannot (no such device, no permission, in use), MachineFault else. */
export type LineOpener = (listener: LineListener, signal: AbortSignal) => Promise<OpenLine>;

/** The line for messages, after "the": `serial adapter /dev/ttyUSB0`. */
export function lineName(config: ConsoleConfig): string {
  if (config.by === "serial") return `serial adapter ${config.device}`;
  if (config.by === "labgrid")
    return `serial port${config.name === undefined ? "" : ` '${config.name}'`} of its labgrid place`;
  if (config.by === "command") return `console command '${config.run[0]}'`;
  return `console server ${config.host}:${config.port}`;
}
