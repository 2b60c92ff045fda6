/** Runs the real command line as a child, the way a CI does. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent } from "../../harness/log/events.ts";

const root = join(import.meta.dirname, "..", "..");

export interface StartedCommand {
  readonly child: ChildProcess;
  /** Exit code, or null when a signal ended it. */
  readonly ended: Promise<number | null>;
  output(): string;
}

/** Starts `bootgate ARGS` with its output kept and shown. */
export function startCommand(args: readonly string[]): StartedCommand {
  const child = spawn(process.execPath, ["harness/setup/start.js", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-200_000);
      process.stdout.write(chunk);
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return { child, ended, output: () => text };
}

/** Runs `bootgate ARGS` to its end. */
export async function bootgate(
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const started = startCommand(args);
  const code = await started.ended;
  return { code, output: started.output() };
}

/** The events written so far; a half last line is left out. */
export function eventsOf(runDirectory: string): RunEvent[] {
  const text = readFileSync(join(runDirectory, "events.jsonl"), "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RunEvent);
}
