/** Work that may ignore the signal it was given must not hold up its caller. */
import { BootgateError, MachineFault } from "./errors.ts";

/** Why a signal was aborted, as an error that has a blame. */
export const stopReason = ({ reason }: AbortSignal): BootgateError =>
  reason instanceof BootgateError
    ? reason
    : new MachineFault("The run was stopped.", { cause: reason });

/** What the work says, or `stopReason` as soon as the signal is aborted; the work is not waited for any more then. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // What it says after it was given up is heard by nobody, and must not end the process.
  work.catch(() => undefined);
  if (signal.aborted) throw stopReason(signal);
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(stopReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
