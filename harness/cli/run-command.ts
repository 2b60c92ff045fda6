/** `bootgate run`: the command that CI and QA use most. Progress goes to the terminal as it happens, the summary last. */
import { resolve } from "node:path";
import type { RunModel } from "../../reports/model-schema.ts";
import { summary } from "../../reports/summary.ts";
import { UsageError } from "../base/errors.ts";
import type { ExitCode } from "../cli.ts";
import { ciDeadlineMs } from "./ci-deadline.ts";
import { type ExecuteOptions, executeRun } from "./execute.ts";
import { type GateOptions, prepareGate, recordHistory } from "./gate-options.ts";
import { holdForEnter, holdForTime } from "./hold.ts";
import { onInterrupt } from "./interrupt.ts";
import { type SelectionOptions, selectJobs } from "./selection.ts";
import { openSession } from "./session.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

export interface RunCommandOptions extends SelectionOptions, GateOptions {
  readonly jobs: number | "auto";
  readonly out: string;
  readonly cold?: boolean;
  readonly retries: number;
  readonly deadline?: number;
  readonly keep?: number | true;
  readonly pauseOnFailure?: boolean;
}

/** Runs the chosen scenarios and returns the exit code. */
export async function run(names: readonly string[], options: RunCommandOptions): Promise<ExitCode> {
  const terminal = createTerminal(process.stdout);
  using interrupt = onInterrupt((line) => terminal.line(line));
  const hold = chooseHold(options, terminal, interrupt.signal);
  await using session = await openSession((line) => terminal.line(line), interrupt.signal);
  const jobs = await selectJobs(
    names,
    options,
    session.driver,
    (line) => terminal.line(line),
    interrupt.signal,
  );
  const gate = await prepareGate(jobs, options);
  const { model, directory } = await executeRun({
    ...gate,
    ...session,
    outDirectory: resolve(options.out),
    command: process.argv.slice(2),
    parallel: options.jobs,
    cold: options.cold === true,
    recheckCold: true,
    retries: options.retries,
    deadlineMs: options.deadline ?? ciDeadlineMs(process.env, new Date()),
    memoryMiB: options.memory,
    network: options.network,
    hold,
    signal: interrupt.signal,
    stop: (reason) => interrupt.stop(reason),
    onEvent: (event) => terminal.event(event),
  });
  terminal.end();
  await recordHistory(model, options);
  process.stdout.write(`\n${summary(model, { color: terminal.colour })}\n`);
  process.stdout.write(`Reports and evidence: ${directory}\n`);
  return exitCodeOf(model);
}

function chooseHold(
  { keep, pauseOnFailure }: RunCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): ExecuteOptions["hold"] {
  if (pauseOnFailure === true) {
    if (!process.stdin.isTTY) {
      throw new UsageError(
        "--pause-on-failure waits for Enter, and standard input is not a terminal.",
        {
          details: { instead: "--keep 30m leaves the guest running without a terminal" },
        },
      );
    }
    return holdForEnter((line) => terminal.line(line), signal);
  }
  if (keep === undefined) return null;
  return holdForTime((line) => terminal.line(line), keep === true ? 3_600_000 : keep, signal);
}

/** 3 when anything is broken or was not run, else 1 when anything failed, else 0. A run in which nothing passed is not green. */
export function exitCodeOf({ counts, stopped }: RunModel): ExitCode {
  if (counts.broken > 0 || counts.notRun > 0 || stopped !== null) return 3;
  if (counts.failed > 0) return 1;
  return counts.passed + counts.flaky > 0 ? 0 : 3;
}
