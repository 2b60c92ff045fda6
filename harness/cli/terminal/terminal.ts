/**
 * Progress on the terminal: plain lines everywhere, and below them, where a person looks, one live line that says what
 * every running job is doing and for how long.
 */
import { liveLines } from "../../../reports/live.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { formatDuration } from "../../base/units.ts";
import type { RunEvent } from "../../log/events.ts";

export interface Terminal {
  readonly colour: boolean;
  /** A line of the harness itself. */
  line(text: string): void;
  /** Progress of the run. */
  event(event: RunEvent): void;
  /** Takes the live line away. */
  end(): void;
}

const redrawMs = 500;
const clearLine = "\r\u001b[K";

/** What a running job does now. */
interface Doing {
  readonly step: string;
  readonly sinceMs: number;
}

/** Writes to a stream; colour follows NO_COLOR (no-color.org) and whether the stream is a terminal. */
export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  const isTerminal = stream.isTTY === true;
  const doing = new Map<string, Doing>();
  let drawn = false;
  const clear = (): void => {
    if (drawn) stream.write(clearLine);
    drawn = false;
  };
  const draw = (): void => {
    clear();
    const text = liveLine(doing, performance.now(), stream.columns ?? 80);
    if (text === null) return;
    stream.write(text);
    drawn = true;
  };
  const timer = isTerminal ? setInterval(draw, redrawMs).unref() : undefined;
  const write = (lines: readonly string[]): void => {
    clear();
    for (const line of lines) stream.write(`${line}\n`);
    if (isTerminal) draw();
  };
  return {
    colour: isTerminal && (process.env.NO_COLOR ?? "") === "",
    line: (text) => write([maskSecrets(text)]),
    event(event) {
      note(doing, event);
      write(liveLines(event));
    },
    end() {
      clearInterval(timer);
      clear();
    },
  };
}

function note(doing: Map<string, Doing>, event: RunEvent): void {
  if (event.type === "job-started")
    doing.set(event.job, { step: "begins", sinceMs: performance.now() });
  if (event.type === "step-started")
    doing.set(event.job, { step: event.step, sinceMs: performance.now() });
  if (event.type === "job-ended") doing.delete(event.job);
}

/** The live line, cut to the terminal's width; null when nothing runs. Step names are the harness's own words and image names. */
export function liveLine(
  doing: ReadonlyMap<string, Doing>,
  nowMs: number,
  columns: number,
): string | null {
  if (doing.size === 0) return null;
  const parts = [...doing].map(([job, { step, sinceMs }]) => {
    const scenario = job.split("@")[0];
    return `${scenario}: ${step} (${formatDuration(Math.floor((nowMs - sinceMs) / 1000) * 1000)})`;
  });
  const text = `… ${parts.join("  |  ")}`.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
  return text.length < columns ? text : `${text.slice(0, Math.max(1, columns - 2))}…`;
}
