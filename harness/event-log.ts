/**
 * The run's log. Each event is written with one write(2) before anything else happens, so a `kill -9` at any moment
 * leaves at most one half line, and every report can be made again from the file alone.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { JobEvent, NewEvent, RunEvent } from "./base/events.ts";

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
    const stamped = { at: new Date().toISOString(), ...event } as RunEvent;
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
