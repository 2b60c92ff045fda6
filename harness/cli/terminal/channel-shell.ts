/**
 * A plain shell over a guest's root channel, for the person whose guest does not answer on SSH: a line goes in, and what
 * it says comes out once it has ended. Each line is a shell of its own.
 */
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { RootChannel } from "../../guest/channel/root-channel.ts";
import { stripControls } from "../../log/clean-text.ts";

export type Channel = Pick<RootChannel, "exec">;

export interface Streams {
  readonly input: Readable;
  readonly output: Writable;
}

/** A person ends a line that takes too long; this is for one who has gone away. Milliseconds. */
const lineMs = 3_600_000;
const maxBytes = 4 * 1024 * 1024;

/** Runs one line and prints what it said. Throws nothing: an end that is not the line's own is printed too. */
export async function runLine(
  channel: Channel,
  line: string,
  output: Writable,
  signal: AbortSignal,
): Promise<void> {
  const said = await channel
    .exec(line, { timeoutMs: lineMs, maxBytes, signal })
    .catch(() => "it was ended");
  if (typeof said === "string") {
    output.write(`[${said}]\n`);
    return;
  }
  const { stdout, stderr, exitCode, truncated, timedOut, lost } = said;
  const text = stripControls(stdout + stderr);
  output.write(text === "" || text.endsWith("\n") ? text : `${text}\n`);
  if (lost !== null) output.write(`[${lost}]\n`);
  else if (truncated) output.write(`[it was ended after ${maxBytes} bytes]\n`);
  else if (timedOut) output.write("[it was ended after an hour]\n");
  else if (exitCode !== 0) output.write(`[exit code ${exitCode}]\n`);
}

export interface LineLoop extends Streams {
  readonly channel: Channel;
  readonly prompt: string;
  readonly signal: AbortSignal;
  /** True for a line after which nothing more is read. */
  readonly isLast: (line: string) => boolean;
}

/** Runs lines until the last one, the end of the input, or Ctrl-C while none runs. */
export async function runLines(options: LineLoop): Promise<void> {
  const { channel, input, output, prompt, signal, isLast } = options;
  const terminal = createInterface({ input, output, prompt });
  let running: AbortController | null = null;
  const close = (): void => terminal.close();
  terminal.on("SIGINT", () => (running === null ? close() : running.abort()));
  signal.addEventListener("abort", close, { once: true });
  try {
    for await (const line of linesOf(terminal, signal)) {
      if (isLast(line)) return;
      if (line.trim() === "") continue;
      running = new AbortController();
      await runLine(channel, line, output, AbortSignal.any([signal, running.signal]));
      running = null;
    }
  } finally {
    signal.removeEventListener("abort", close);
    terminal.close();
  }
}

/** Each line, with the prompt before it. */
async function* linesOf(terminal: Interface, signal: AbortSignal): AsyncGenerator<string> {
  if (signal.aborted) return;
  terminal.prompt();
  for await (const line of terminal) {
    yield line;
    if (signal.aborted) return;
    terminal.prompt();
  }
}
