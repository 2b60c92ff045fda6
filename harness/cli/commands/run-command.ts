/** `bootgate run`: the command that CI and QA use most. Progress goes to the terminal as it happens, the summary last. */

import { resolve } from "node:path";
import { imageNames } from "../../../images/catalogue.ts";
import { readImageLayers } from "../../../images/origins/image-layers.ts";
import { summary } from "../../../reports/summary.ts";
import { RunStopped, UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { cacheRoot } from "../../base/places.ts";
import { type ExecuteOptions, executeRun } from "../../engine/execute.ts";
import { startDeadline } from "../../engine/run-deadline.ts";
import { unusableOut } from "../../engine/run-directory.ts";
import { jobHistories } from "../../gate/history/history-rates.ts";
import type { RunModel } from "../../log/model-schema.ts";
import { holdForEnter, holdForTime } from "../terminal/hold.ts";
import { type Interruptible, onInterrupt } from "../terminal/interrupt.ts";
import { requireFolder } from "../terminal/out-folder.ts";
import { createTerminal, type Terminal } from "../terminal/terminal.ts";
import { checkInstallFiles } from "../wiring/check-kickstart.ts";
import { chooseJobs, withMatrixDrivers } from "../wiring/choose-jobs.ts";
import { chooseDeadline } from "../wiring/ci-deadline.ts";
import {
  type GateFiles,
  type GateOptions,
  type GateSetup,
  loadGate,
  prepareGate,
  recordHistory,
} from "../wiring/gate-options.ts";
import { findGoodImage } from "../wiring/good-image.ts";
import { recordImageRuns } from "../wiring/image-runs.ts";
import { chooseTransport, type TransportOptions } from "../wiring/machine-options.ts";
import { type Matrix, readMatrix } from "../wiring/matrix-file.ts";
import { createReportWriter } from "../wiring/report-files.ts";
import type { ManyOptions } from "../wiring/selection.ts";
import { loadCatalogues, openSession, type Session } from "../wiring/session.ts";

export interface RunCommandOptions
  extends Omit<ManyOptions, keyof TransportOptions>,
    GateOptions,
    TransportOptions {
  readonly jobs: number | "auto";
  readonly out: string;
  readonly cold?: boolean;
  readonly retries: number;
  readonly deadline?: number;
  readonly keep?: number | true;
  readonly pauseOnFailure?: boolean;
}

/** Runs the chosen scenarios and returns the exit code; tells the run's directory when it is whole. */
export async function run(
  names: readonly string[],
  options: RunCommandOptions,
  onRun: (directory: string) => void,
): Promise<ExitCode> {
  const terminal = createTerminal(process.stdout);
  const say = (line: string): void => terminal.line(line);
  using interrupt = onInterrupt(say);
  const hold = chooseHold(options, terminal, interrupt.signal);
  const transport = chooseTransport(options);
  const remainingMs = countDown(options, terminal);
  await requireFolder(resolve(options.out), (reason) => unusableOut(resolve(options.out), reason));
  const files = await loadGate(options, new Date());
  const matrix = await readMatrix(options, () => loadCatalogues(options));
  const early = startDeadline({
    deadlineMs: remainingMs(),
    stop: () =>
      interrupt.stop(new RunStopped("The run's deadline came before its images were ready.")),
    expectedMs: () => null,
  });
  const prepared = prepare(names, withMatrixDrivers(options, matrix), {
    files,
    matrix,
    interrupt,
    terminal,
  });
  await using session = await prepared.finally(() => early[Symbol.dispose]());
  const { history, ...gate } = session.gate;
  const { model, directory } = await executeRun({
    ...gate,
    ...session,
    createReports: (directory, model) => createReportWriter(directory, model, history),
    outDirectory: resolve(options.out),
    command: process.argv.slice(2),
    parallel: options.jobs,
    cold: options.cold === true,
    recheckCold: true,
    retries: options.retries,
    readLayers: readImageLayers,
    findImage: findGoodImage(options, session.drivers, say, interrupt.signal),
    deadlineMs: remainingMs(),
    channel: options.channel,
    transport,
    hold,
    signal: interrupt.signal,
    stop: (reason) => interrupt.stop(reason),
    onEvent: (event) => terminal.event(event),
  });
  terminal.end();
  await recordHistory(model, options, files.known);
  const catalogued = (await loadCatalogues(options)).flatMap(imageNames);
  const digests = model.jobs.flatMap(({ images: { candidate } }) => candidate?.digest ?? []);
  await recordImageRuns(model, [...new Set([...catalogued, ...digests])], cacheRoot());
  const past = history === undefined ? {} : { history: jobHistories(history, model) };
  process.stdout.write(`\n${summary(model, { color: terminal.colour, ...past })}\n`);
  process.stdout.write(`Reports and evidence: ${directory}\n`);
  onRun(directory);
  return exitCodeOf(model);
}

/** The session and the gate's word on the jobs: all that is needed before something boots. */
async function prepare(
  names: readonly string[],
  options: RunCommandOptions,
  given: {
    readonly files: GateFiles;
    readonly matrix: Matrix | null;
    readonly interrupt: Interruptible;
    readonly terminal: Terminal;
  },
): Promise<Session & { readonly gate: GateSetup }> {
  const { files, matrix, terminal } = given;
  const { signal } = given.interrupt;
  const say = (line: string): void => terminal.line(line);
  let session: Session | null = null;
  try {
    await checkInstallFiles(options, say, signal);
    session = await openSession(say, signal, options);
    const jobs = await chooseJobs(names, options, { ...session, matrix, say, signal });
    const gate = await prepareGate(jobs, files, session.drivers[0].accelerator);
    return { ...session, gate };
  } catch (error) {
    await session?.[Symbol.asyncDispose]();
    // What was cut off in the middle fails in words of its own; why it was is what a person has to know.
    signal.throwIfAborted();
    throw error;
  }
}

/** Time left until the run's deadline, from the start of the command; null where there is none. */
function countDown({ deadline }: RunCommandOptions, terminal: Terminal): () => number | null {
  const usedMs = performance.now();
  const chosen = chooseDeadline({
    askedMs: deadline,
    usedMs,
    env: process.env,
    now: new Date(),
  });
  if (chosen === null) return () => null;
  if (chosen.line !== null) terminal.line(chosen.line);
  return () => usedMs + chosen.remainingMs - performance.now();
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

/**
 * 3 when anything is broken or was not run, else 1 when anything failed, else 0. A run in which nothing passed is not
 * green, unless it is a shard for which there was nothing to do: the verdict on all shards looks at what passed.
 */
export function exitCodeOf({ counts, stopped, shard }: RunModel): ExitCode {
  if (counts.broken > 0 || counts.notRun > 0 || stopped !== null) return 3;
  if (counts.failed > 0) return 1;
  return shard?.nothingToRun === true || counts.passed + counts.flaky > 0 ? 0 : 3;
}
