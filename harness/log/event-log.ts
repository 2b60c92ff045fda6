/**
 * The run's log. Each event is written with one write(2) before anything else happens, so a `kill -9` at any moment
 * leaves at most one half line, and every report can be made again from the file alone.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { JobEvent, NewEvent, RunEvent } from "./events.ts";

/**
 * Longest string of an event, in UTF-16 units: what reports show of one at most. A guest decides how long its error
 * messages are, and a line that no reader takes would make the whole log worthless.
 */
const maxTextLength = 16_384;

export interface EventLog extends Disposable {
  /** All events so far, oldest first. */
  readonly events: readonly RunEvent[];
  append(event: NewEvent): void;
  /** A writer for the events of one job. */
  forJob(job: string): (event: JobEvent) => void;
}

/** Opens a new log file. `listener` is told of each event after it is written. */
export function openEventLog(path: string, listener: (event: RunEvent) => void): EventLog {
  const file = openSync(path, "ax", 0o644);
  const events: RunEvent[] = [];
  let open = true;
  const append = (event: NewEvent): void => {
    if (!open) return;
    const stamped = { at: new Date().toISOString(), ...readable(event) } as RunEvent;
    writeSync(file, `${JSON.stringify(stamped)}\n`);
    events.push(stamped);
    listener(stamped);
  };
  return {
    events,
    append,
    forJob: (job) => (event) => append({ job, ...event } as NewEvent),
    [Symbol.dispose]() {
      if (open) closeSync(file);
      open = false;
    },
  };
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
