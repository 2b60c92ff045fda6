/**
 * Evidence of a failure, taken at the throw while the guest still stands: journal, failed units, bootc's status and a
 * picture of the screen. The console is on disk from power-on anyway. Taking evidence never throws, has a time of its
 * own, and asks every guest that still answers, whatever it was that ended its scenario.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { RunStopped } from "../base/errors.ts";
import { commands } from "../guest/commands.ts";
import {
  type EvidenceLine,
  type EvidenceLogin,
  evidenceLines,
  type HasOpenLine,
} from "../guest/evidence-line.ts";
import type { JobEvent } from "../log/events.ts";
import type { Machine } from "../machine/machine.ts";

export interface EvidenceSource {
  readonly name: string;
  readonly machine: Machine;
  /** Null while the guest has not answered yet. */
  readonly guest: HasOpenLine | null;
  /** Folder of this guest in the run directory. */
  readonly directory: string;
  /** How to log in where no connection stands. */
  readonly login: EvidenceLogin;
}

/** What a person may do with guests that failed before they are ended. */
export type Hold = (guests: readonly EvidenceSource[], error: unknown) => Promise<void>;

const inGuest: readonly { kind: string; file: string; command: string }[] = [
  {
    kind: "journal",
    file: "journal.txt",
    command: commands.journal({ lines: 3000 }),
  },
  { kind: "failed-units", file: "failed-units.txt", command: commands.failedUnits },
  { kind: "bootc-status", file: "bootc-status.json", command: commands.bootcStatus },
  { kind: "addresses", file: "addresses.txt", command: commands.addresses },
];
type Wanted = (typeof inGuest)[number];

const whyNoSsh: Wanted = { kind: "ssh", file: "ssh.txt", command: commands.sshTrouble() };

/** For all of one guest's evidence, with hardware acceleration. Milliseconds. */
const allMs = 15_000;
/** The same after the run was interrupted: a person waits at the keyboard. Milliseconds. */
const interruptedMs = 5000;
/** How long a guest may take to say anything at all before it counts as one that does not answer. Milliseconds. */
const knockMs = 3000;
const maxBytes = 4 * 1024 * 1024;

/** The time that evidence may take. */
export interface EvidenceBudget extends Disposable {
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
  /** The whole of it as it was at the beginning, milliseconds. */
  readonly totalMs: number;
}

/** Begins to count. `stop` is the run's own signal: once it is aborted, little time is left. */
export function evidenceBudget(timeScale: number, stop: AbortSignal): EvidenceBudget {
  const controller = new AbortController();
  let endsAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const endIn = (ms: number): number => {
    endsAt = Math.min(endsAt, performance.now() + ms);
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), endsAt - performance.now());
    return ms;
  };
  const onStop = (): void => void endIn(afterStop(stop.reason));
  const normalMs = Math.min(60_000, Math.max(1000, allMs * timeScale));
  const totalMs = endIn(stop.aborted ? Math.min(normalMs, afterStop(stop.reason)) : normalMs);
  stop.addEventListener("abort", onStop, { once: true });
  return {
    signal: controller.signal,
    totalMs,
    [Symbol.dispose]() {
      clearTimeout(timer);
      stop.removeEventListener("abort", onStop);
    },
  };
}

/** A deadline keeps time for evidence, an interruption does not. The last third is for machines and reports. */
const afterStop = (reason: unknown): number =>
  reason instanceof RunStopped && reason.wrapUpMs !== null
    ? (reason.wrapUpMs * 2) / 3
    : interruptedMs;

/** Writes all that can be had in the time there is and logs one event a file. Never throws. */
export async function takeEvidence(
  source: EvidenceSource,
  runDirectory: string,
  log: (event: JobEvent) => void,
  budget: Pick<EvidenceBudget, "signal" | "totalMs">,
): Promise<void> {
  const keep = (kind: string, path: string): void =>
    log({ type: "evidence", kind, path: relative(runDirectory, path) });
  try {
    keep("console", source.machine.console.path);
    await mkdir(source.directory, { recursive: true });
    // The picture is taken even of a guest that cannot be asked.
    const asked = askGuest(source, keep, budget).catch(() => undefined);
    await Promise.all([asked, photograph(source, keep, budget.signal)]);
  } catch {
    // A run directory that cannot be written is told by the log; the error that is on its way says what happened.
  }
}

type Keep = (kind: string, path: string) => void;

/** Over the connection that stands, then over the root channel, then over one more login: whichever answers. */
async function askGuest(
  source: EvidenceSource,
  keep: Keep,
  { signal: budget, totalMs }: Pick<EvidenceBudget, "signal" | "totalMs">,
): Promise<void> {
  const { machine, directory } = source;
  const dead = new AbortController();
  machine.died.catch((error: unknown) => dead.abort(error));
  const signal = AbortSignal.any([budget, dead.signal]);
  const patienceMs = Math.min(totalMs, Math.max(knockMs, totalMs / 4));
  const endsAt = performance.now() + totalMs;
  const left = new Set<Wanted>(wantedOf(source));
  const ask = async (line: EvidenceLine): Promise<void> => {
    const knock = { timeoutMs: patienceMs, maxBytes: 1000, signal };
    if ((await line.exec(commands.bootId, knock)).exitCode === null) return;
    const askFor = async (wanted: Wanted, timeoutMs: number): Promise<void> => {
      const result = await line.exec(wanted.command, { timeoutMs, maxBytes, signal });
      if (result.exitCode === null && !result.truncated) return;
      const path = join(directory, wanted.file);
      await writeFile(path, result.stdout === "" ? result.stderr : result.stdout);
      keep(wanted.kind, path);
      left.delete(wanted);
    };
    // A command that hangs must not cost the others their time. SSH runs them side by side; the root channel one after
    // the other, so there each gets its share of what is left, and one share is kept for a login.
    if (line.kind === "ssh") {
      await Promise.allSettled([...left].map((wanted) => askFor(wanted, totalMs)));
      return;
    }
    for (const [index, wanted] of [...left].entries()) {
      const shares = inGuest.length + 2 - index;
      const share = Math.max(1, (endsAt - performance.now()) / shares);
      await askFor(wanted, share).catch(() => undefined);
    }
  };
  for await (const line of evidenceLines(source, { bannerMs: patienceMs, signal })) {
    await ask(line).catch(() => undefined);
    if (left.size === 0 || signal.aborted) return;
  }
}

/** Why SSH does not answer is asked only where it did not, or does not any more. */
const wantedOf = ({ guest }: EvidenceSource): readonly Wanted[] =>
  (guest?.openLine ?? null) === null ? [...inGuest, whyNoSsh] : inGuest;

async function photograph(
  { machine, directory }: EvidenceSource,
  keep: Keep,
  signal: AbortSignal,
): Promise<void> {
  if (machine.screen === null) return;
  const picture = join(directory, "screen.png");
  try {
    await machine.screen.screenshot(picture, signal);
    keep("screenshot", picture);
  } catch {
    // A machine that has died has no screen; the error that is on its way says so.
  }
}
