/** Progress on the terminal: plain lines everywhere, colour only where a person looks. */
import { liveLines } from "../../reports/live.ts";
import type { RunEvent } from "../base/events.ts";

export interface Terminal {
  readonly colour: boolean;
  /** A line of the harness itself. */
  line(text: string): void;
  /** Progress of the run. */
  event(event: RunEvent): void;
  end(): void;
}

/** Writes to a stream; colour follows NO_COLOR (no-color.org) and whether the stream is a terminal. */
export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  const colour = stream.isTTY === true && (process.env.NO_COLOR ?? "") === "";
  const write = (lines: readonly string[]): void => {
    for (const line of lines) stream.write(`${line}\n`);
  };
  return {
    colour,
    line: (text) => write([text]),
    event: (event) => write(liveLines(event)),
    end: () => undefined,
  };
}
