/**
 * Whether a guest is at rest, seen from outside by the processor time of its QEMU. What a guest is still busy with when it is
 * frozen, such as the end of a login, is done again by each fork, and an emulated one does it before its first command.
 */
import { readFile } from "node:fs/promises";
import { GuestTooSlow } from "../../base/errors.ts";
import { waitFor } from "../../base/wait.ts";

/** Clock ticks a second in which Linux counts processor time for its users, on every architecture of ours (proc_pid_stat(5)). */
const ticksPerSecond = 100;
/** An idle guest under emulation takes three to five percent of one processor, one that ends a login thirty. */
const restingShare = 0.1;

/** Processor time of a process with all its threads in milliseconds, by the text of `/proc/PID/stat`; null when it is not one. */
export function processorMs(stat: string): number | null {
  // The name stands in brackets and may hold any character; utime and stime are the 14th and 15th field (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return stat.includes(")") && Number.isFinite(ticks) ? (ticks * 1000) / ticksPerSecond : null;
}

export interface RestOptions {
  readonly pid: number;
  /** After which a guest that never rests is taken as it is. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Between two looks. Milliseconds, default 250: clock ticks are ten each. */
  readonly windowMs?: number;
  /** Text of `/proc/PID/stat`. */
  readonly readStat?: (pid: number) => Promise<string>;
}

const ofHost = (pid: number): Promise<string> => readFile(`/proc/${pid}/stat`, "latin1");

/** Waits until the guest is at rest; false when it was not in its time or cannot be seen. Rejects with the abort reason only. */
export async function untilAtRest(options: RestOptions): Promise<boolean> {
  const { pid, timeoutMs, signal, windowMs = 250, readStat = ofHost } = options;
  let before: { readonly atMs: number; readonly usedMs: number } | null = null;
  const probe = async (): Promise<boolean | undefined> => {
    const usedMs = processorMs(await readStat(pid).catch(() => ""));
    if (usedMs === null) return false;
    const now = { atMs: performance.now(), usedMs };
    const share = before === null ? 1 : (usedMs - before.usedMs) / (now.atMs - before.atMs);
    before = now;
    return share <= restingShare ? true : undefined;
  };
  const what = "the guest to be at rest";
  try {
    return await waitFor({ what, probe, timeoutMs, intervalMs: windowMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GuestTooSlow) return false;
    throw error;
  }
}
