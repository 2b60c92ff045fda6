/**
 * The run's log. Each event is written before anything else happens, so a `kill -9` at any moment leaves at most one
 * half line, and every report can be made again from the file alone. On a full disk the file ends with its last whole
 * line; later events wait in memory and are written, in order, as soon as there is room.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { HostUnfit, messageOf } from "../base/errors.ts";
import type { JobEvent, NewEvent, RunEvent } from "./events.ts";

/**
 * Longest string of an event, in UTF-16 units: what reports show of one at most. A guest decides how long its error
 * messages are, and a line that no reader takes would make the whole log worthless.
 */
const maxTextLength = 16_384;

export interface EventLog extends Disposable {
  /** All events so far, oldest first, also those that could not be written yet. */
  readonly events: readonly RunEvent[];
  /** Never throws for the file's sake: see `onTrouble` and `flush`. */
  append(event: NewEvent): void;
  /** A writer for the events of one job. */
  forJob(job: string): (event: JobEvent) => void;
  /** Writes what waits. Throws HostUnfit when it still cannot be written: the file is not the whole log then. */
  flush(): void;
}

export interface EventLogOptions {
  /** Told when events cannot be written, once until they can be again. */
  readonly onTrouble?: (error: HostUnfit) => void;
  /** write(2): returns how many bytes it took. For tests. */
  readonly write?: (file: number, bytes: Uint8Array) => number;
}

/** Opens a new log file. `listener` is told of each event after it is written. Throws HostUnfit when there cannot be one. */
export function openEventLog(
  path: string,
  listener: (event: RunEvent) => void,
  { onTrouble, write = writeSync }: EventLogOptions = {},
): EventLog {
  const file = new LineFile(path, write);
  const events: RunEvent[] = [];
  let isTold = false;
  let open = true;
  const append = (event: NewEvent): void => {
    if (!open) return;
    const stamped = { at: new Date().toISOString(), ...readable(event) } as RunEvent;
    file.add(`${JSON.stringify(stamped)}\n`);
    events.push(stamped);
    const trouble = file.write();
    if (trouble !== null && !isTold) onTrouble?.(trouble);
    isTold = trouble !== null;
    listener(stamped);
  };
  return {
    events,
    append,
    forJob: (job) => (event) => append({ job, ...event } as NewEvent),
    flush() {
      const trouble = open ? file.write() : null;
      if (trouble !== null) throw trouble;
      isTold = false;
    },
    [Symbol.dispose]() {
      if (open) file.close();
      open = false;
    },
  };
}

/** A file that grows by whole lines only. */
class LineFile {
  readonly #path: string;
  readonly #file: number;
  readonly #write: (file: number, bytes: Uint8Array) => number;
  readonly #waiting: Buffer[] = [];
  /** Bytes of whole lines. */
  #length = 0;
  /** True while the file may hold a part of a line behind them. */
  #isTorn = false;

  constructor(path: string, write: (file: number, bytes: Uint8Array) => number) {
    this.#path = path;
    this.#write = write;
    try {
      this.#file = openSync(path, "ax", 0o644);
    } catch (error) {
      throw this.#trouble(error);
    }
  }

  add(line: string): void {
    this.#waiting.push(Buffer.from(line));
  }

  /** Writes the lines that wait. Returns why it could not, with the file as long as its whole lines. */
  write(): HostUnfit | null {
    try {
      this.#mend();
      for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
        this.#isTorn = true;
        // A disk that is almost full takes a part of a line, and says so by the number of bytes only (write(2)).
        for (let at = 0; at < line.length; ) at += this.#some(line.subarray(at));
        this.#isTorn = false;
        this.#length += line.length;
        this.#waiting.shift();
      }
      return null;
    } catch (error) {
      try {
        this.#mend();
      } catch {
        // It is tried again before the next line.
      }
      return this.#trouble(error);
    }
  }

  #some(bytes: Uint8Array): number {
    const count = this.#write(this.#file, bytes);
    if (count > 0) return count;
    throw new Error("ENOSPC: nothing was written");
  }

  #mend(): void {
    if (this.#isTorn) ftruncateSync(this.#file, this.#length);
    this.#isTorn = false;
  }

  #trouble(error: unknown): HostUnfit {
    return new HostUnfit("The run's log cannot be written.", {
      details: {
        file: this.#path,
        reason: messageOf(error),
        waiting: this.#waiting.length === 0 ? undefined : `${this.#waiting.length} events`,
      },
      cause: error,
      lookAt: "df",
    });
  }

  close(): void {
    this.write();
    closeSync(this.#file);
  }
}

/** The event with every string cut to length; the first one names all jobs and the command line, which are ours. */
const readable = (event: NewEvent): NewEvent =>
  event.type === "run-started" ? event : (cutStrings(event) as NewEvent);

function cutStrings(value: unknown): unknown {
  if (typeof value === "string") return cut(value);
  if (Array.isArray(value)) return value.map(cutStrings);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cutStrings(item)]));
}

function cut(text: string): string {
  if (text.length <= maxTextLength) return text;
  // The count is shorter than its longest form, and a mark that is cut itself would say nothing.
  const room = maxTextLength - "\n[9007199254740991 more characters were cut]".length;
  return `${text.slice(0, room)}\n[${text.length - room} more characters were cut]`;
}
