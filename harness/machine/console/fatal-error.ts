/** The error that a verdict on a boot becomes: its class says whose fault it is, its details what was seen. */
import { dirname } from "node:path";
import { BootFailed, CannotTell, HostUnfit, MachineFault } from "../../base/errors.ts";
import { whyFullNow } from "../../base/no-space.ts";
import { formatDuration } from "../../base/units.ts";
import { awaitedBy } from "./awaited.ts";
import { emulatedOops } from "./journal-fault.ts";
import type { WatcherFact } from "./watcher-facts.ts";

/** QEMU 10.0.2, two processors on a host with a load of 10: a good image stood still behind the line of its hpet, once in some hundred boots. */
const emulatedKernel =
  "emulated: kernels have been seen to stand still in their first seconds there with no image to blame; run it again";

/** Seen with QEMU 7.2.22, and with 10.0.2 on two processors at a load of 9: a place that the other processor patched in that moment. */
const emulatedInt3 =
  "emulated: kernels have been seen to meet breakpoints there that nobody set, with no image to blame; run it again";

type FatalFact = Extract<WatcherFact, { kind: "fatal" }>;

/** Where a verdict was given. */
export interface FatalScene {
  /** Names the machine in messages. */
  readonly name: string;
  /** More than 1 on an emulated machine. */
  readonly patience: number;
  /** The file with every byte. */
  readonly path: string;
  /** The last lines that this boot said. */
  readonly said: readonly string[];
  /** Figures of a host that was not well in the last so many milliseconds, or null; asked where time is a part of the proof. */
  readonly hostTrouble: (waitedMs: number) => string | null;
}

/** Whether the kernel said it in its first ten seconds, by its own clock. */
const isEarly = (line: string): boolean =>
  Number(/^\[ {0,8}(\d{1,8})\./.exec(line)?.[1] ?? 99) < 10;

/** What is said of a guest that is to blame. */
function whatBefell({ fatal, goesOn, isBetween }: FatalFact): string {
  if (goesOn) return "is faulty";
  if (isBetween) return "did not come back from its reboot";
  return fatal.stage === "ssh" ? "went down" : "did not boot";
}

/** HostUnfit where the console could not be kept, BootFailed for the image's fault, MachineFault for the host's, CannotTell where nothing shows whose it is. */
export function fatalError(
  fact: FatalFact,
  { name, patience, path, said, hostTrouble }: FatalScene,
): Error {
  const { fatal, meaning, howTo, waitedMs, isBetween } = fact;
  const at = formatDuration(fatal.sinceMs);
  const isSilence = fatal.pattern === "no-output";
  const lookAt = fatal.lineNumber > 0 ? `${path}:${fatal.lineNumber}` : path;
  const isBlamed = fatal.blame === "image";
  const host = isBlamed && waitedMs !== undefined ? hostTrouble(waitedMs) : null;
  const isEmulated =
    isBlamed && isSilence && fatal.stage === "kernel" && patience > 1 && isEarly(fatal.line);
  const isInt3 = isBlamed && fatal.pattern === emulatedOops && patience > 1;
  const details = {
    stage: fatal.stage,
    when: isBetween
      ? "after a reboot was asked for, before another boot was seen to begin"
      : undefined,
    ...(host === null ? {} : { host }),
    ...(isEmulated ? { processor: emulatedKernel } : {}),
    ...(isInt3 ? { processor: emulatedInt3 } : {}),
    console: fatal.line === "" ? undefined : `${JSON.stringify(fatal.line)} at ${at}`,
    "waits for": isSilence ? (awaitedBy(said) ?? undefined) : undefined,
    "how to": howTo,
  };
  // A file that cannot grow is silent whatever the guest says.
  const full = waitedMs === undefined ? null : whyFullNow(dirname(path));
  if (full !== null)
    return new HostUnfit(
      `Guest '${name}' cannot be judged: the disk that holds its console is full.`,
      { details: { ...full.details, ...details, "how to": undefined }, lookAt },
    );
  if (fatal.blame === "host")
    return new MachineFault(`Machine '${name}': ${meaning}.`, { details, lookAt });
  if (fatal.blame === "unknown" || host !== null || isEmulated || isInt3)
    return new CannotTell(`Guest '${name}' cannot be judged: ${meaning}.`, { details, lookAt });
  return new BootFailed(`Guest '${name}' ${whatBefell(fact)}: ${meaning}.`, {
    details,
    lookAt,
    stage: fatal.stage,
    pattern: fatal.pattern,
  });
}
