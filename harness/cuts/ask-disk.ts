/**
 * Asks a program of e2fsprogs about a disk that was cut. Such a disk may be damaged, so that the program prints without end, does not end or
 * crashes. That is told of the disk and is not a fault of this host: whether the image is to blame, a boot of the disk decides.
 */
import { HostUnfit } from "../base/errors.ts";
import { attemptCommand, type CommandOutput } from "../base/process.ts";

export interface DiskQuestion {
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What was said, or why it did not come to an end, as the end of a sentence. */
export type DiskAnswer = CommandOutput | { readonly unanswered: string };

/** Of a file of text that matters, or of a folder's list, bytes: far more than any system has. */
const mostBytes = 4 * 1024 * 1024;

const tooMuch = `had more to say than ${mostBytes / 1024 ** 2} MiB`;

/** What a program of C ends with that goes wrong on what it reads (signal(7)). */
const crashes = ["SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"];

/** Runs it to its end or its limits. Throws HostUnfit where it cannot be started or somebody else ends it. */
export async function askDisk(
  program: "debugfs" | "e2fsck",
  { args, timeoutMs, signal }: DiskQuestion,
): Promise<DiskAnswer> {
  const limits = { timeoutMs, maxBytes: mostBytes, signal, env: { LC_ALL: "C" } };
  try {
    const said = await attemptCommand(program, args, limits);
    // What writes on into a pipe that is shut may end by itself, with whatever exit code.
    const isFull = [said.stdout, said.stderr].some(({ length }) => length + 1 >= mostBytes);
    return isFull ? { unanswered: tooMuch } : said;
  } catch (error) {
    const why = error instanceof HostUnfit ? whyUnanswered(error.cause, timeoutMs) : null;
    if (why === null) throw error;
    return { unanswered: why };
  }
}

/** Null where it is not the disk that kept it from its end. `ended` is what execa tells. */
function whyUnanswered(ended: unknown, timeoutMs: number): string | null {
  if (typeof ended !== "object" || ended === null) return null;
  const { isMaxBuffer, timedOut, signal } = ended as Readonly<Record<string, unknown>>;
  if (isMaxBuffer === true) return tooMuch;
  if (timedOut === true) return `did not end within ${timeoutMs / 1000} s`;
  return crashes.includes(String(signal)) ? `crashed with ${String(signal)}` : null;
}
