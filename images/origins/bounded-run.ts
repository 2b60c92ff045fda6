/**
 * Runs a program that writes one file and may be made to write without end: a few kilobytes unpack to any number of
 * terabytes. The kernel limits the file's length (prlimit(1), RLIMIT_FSIZE), and its growth is held against the free space.
 */
import { stat } from "node:fs/promises";
import { type BootgateError, HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { noSpaceIn } from "../../harness/base/no-space.ts";
import { type ExitFacts, startProcess } from "../../harness/base/process.ts";
import { formatBytes } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";

export interface Bounds {
  /** Longest file, in bytes. */
  readonly maxBytes: number;
  /** What may be taken of the file system, in bytes. */
  readonly freeBytes: number;
}

/** A line of progress is told each time that so much more has come. */
export const tellEachBytes = 1024 ** 3;
export const timeoutMs = 3_600_000;

/** `subject` begins the sentence: `'a.xz' unpacks`. */
export const tooLarge = (subject: string, { maxBytes }: Bounds): UsageError =>
  new UsageError(
    `${subject} to more than ${formatBytes(maxBytes)}; it is not taken for a disk to boot.`,
  );

export const noSpace = (subject: string, { freeBytes }: Bounds, cacheDir: string): HostUnfit =>
  noSpaceIn(cacheDir, `${subject} to more than the ${formatBytes(freeBytes)} that may be used.`);

export interface BoundedRun {
  /** Begins sentences about what is too large: `'a.xz' unpacks`. */
  readonly subject: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The file that is written. */
  readonly target: string;
  readonly bounds: Bounds;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  /** The error for a program that ended badly, by its own words. */
  readonly damaged: (reason: string) => BootgateError;
}

/** Throws HostUnfit where the program is missing, the disk is full or an hour has passed, and what `damaged` makes. */
export async function runBounded(run: BoundedRun): Promise<void> {
  const { program, args, bounds, subject, cacheDir, damaged } = run;
  const size = `${bounds.maxBytes}:${bounds.maxBytes}`;
  await using child = startProcess("prlimit", [`--fsize=${size}`, "--", program, ...args]);
  const facts = await watch(child.exited, run);
  if (facts.exitCode === 0) return;
  const said = facts.stderrTail;
  if (facts.signal === "SIGXFSZ" || /file too large/i.test(said)) throw tooLarge(subject, bounds);
  if (/no space left/i.test(said)) throw noSpace(subject, bounds, cacheDir);
  // 126 and 127 are prlimit's and setpriv's own: the program could not be started.
  if (facts.startError !== undefined || facts.exitCode === 126 || facts.exitCode === 127) {
    throw new HostUnfit(`The host command '${program}' cannot be started.`, {
      details: { said: facts.startError ?? said.trim().slice(-500) },
      lookAt: "npm run -s bootgate -- doctor",
    });
  }
  throw damaged(said.trim());
}

async function watch(exited: Promise<ExitFacts>, run: BoundedRun): Promise<ExitFacts> {
  const { subject, target, bounds, cacheDir, signal } = run;
  let ended: ExitFacts | undefined;
  const noteEnd = exited.then((facts) => {
    ended = facts;
  });
  let told = 0;
  const facts = await waitFor({
    what: `'${run.program}' to write '${target}'`,
    probe: async () => {
      const { blocks, size } = await stat(target).catch(() => ({ blocks: 0, size: 0 }));
      if (blocks * 512 > bounds.freeBytes) throw noSpace(subject, bounds, cacheDir);
      if (size - told >= tellEachBytes) {
        told = size;
        run.onBytes(size);
      }
      return ended;
    },
    timeoutMs,
    onTimeout: () => new HostUnfit(`'${run.program}' did not write '${target}' within an hour.`),
    intervalMs: 100,
    signal,
  });
  await noteEnd;
  return facts;
}
