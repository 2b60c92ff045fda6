/** Runs the real command line as a child, as a CI does, and tells its wall time and the most memory it ever held. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { attemptCommand, type CommandOutput } from "../../harness/base/process.ts";

export const root = join(import.meta.dirname, "..", "..");

export interface TimedCommand extends CommandOutput {
  readonly seconds: number;
}

/** Runs a host command in the checkout and takes its wall time. */
export async function timeCommand(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): Promise<TimedCommand> {
  const began = performance.now();
  const output = await attemptCommand(file, args, { cwd: root, signal, env });
  return { ...output, seconds: (performance.now() - began) / 1000 };
}

/** Arguments of Node that start bootgate as people do. */
export const bootgateArgs = ["harness/setup/start.js"] as const;

/** Runs `bootgate ARGS`; `peakMB` is the largest resident set of its Node process (VmHWM, proc_pid_status(5)), in 10^6 bytes. */
export async function measureBootgate(
  args: readonly string[],
  peakFile: string,
  signal: AbortSignal,
): Promise<TimedCommand & { readonly peakMB: number }> {
  const watched = ["--import", "./test/bench/tell-peak.js", ...bootgateArgs, ...args];
  const result = await timeCommand(process.execPath, watched, signal, {
    BOOTGATE_BENCH_PEAK: peakFile,
  });
  const peakMB = (Number(await readFile(peakFile, "utf8").catch(() => "NaN")) * 1024) / 1e6;
  return { ...result, peakMB };
}
