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

interface Wanted {
  readonly kind: string;
  readonly file: string;
  readonly command: string;
  /** The same of an older program, which does not know the option (exit code 2, clap). */
  readonly older?: string;
  /** Where only what a success prints is worth a file. */
  readonly isOptional?: true;
}

const inGuest: readonly Wanted[] = [
  { kind: "journal", file: "journal.txt", command: commands.journal({ lines: 3000 }) },
  { kind: "failed-units", file: "failed-units.txt", command: commands.failedUnits },
  {
    kind: "bootc-status",
    file: "bootc-status.json",
    command: commands.bootcStatus,
    older: commands.bootcStatusOld,
  },
  { kind: "addresses", file: "addresses.txt", command: commands.addresses },
];

/** Of the boot that ended by itself. A journal in memory alone does not have it. */
const journalBefore: Wanted = {
  kind: "journal-before",
  file: "journal-before.txt",
  command: commands.journal({ boot: -1, lines: 3000 }),
  isOptional: true,
};

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
  /** What came of an answer that did not end. */
  const parts = new Map<Wanted, string>();
  const write = async ({ kind, file }: Wanted, text: string): Promise<void> => {
    const path = join(directory, file);
    await writeFile(path, text);
    keep(kind, path);
  };
  const ask = async (line: EvidenceLine): Promise<void> => {
    const knock = { timeoutMs: patienceMs, maxBytes: 1000, signal };
    if ((await line.exec(commands.bootId, knock)).exitCode === null) return;
    const askFor = async (wanted: Wanted, timeoutMs: number): Promise<void> => {
      const { command, older } = wanted;
      let result = await line.exec(command, { timeoutMs, maxBytes, signal });
      if (result.exitCode === 2 && older !== undefined)
        result = await line.exec(older, { timeoutMs, maxBytes, signal });
      if (result.exitCode === null && !result.truncated) {
        const { length } = parts.get(wanted) ?? "";
        if (result.stdout.length > length) parts.set(wanted, result.stdout);
        return;
      }
      left.delete(wanted);
      if (wanted.isOptional === true && result.exitCode !== 0) return;
      await write(wanted, result.stdout === "" ? result.stderr : result.stdout);
    };
    // A command that hangs must not cost the others their time. SSH runs them side by side, and leaves a third of it to the
    // root channel; that one after the other, so there each gets its share of what is left, and one share is kept for a login.
    if (line.kind === "ssh") {
      const share = Math.max(1, ((endsAt - performance.now()) * 2) / 3);
      await Promise.allSettled([...left].map((wanted) => askFor(wanted, share)));
      return;
    }
    const open = [...left];
    for (const [index, wanted] of open.entries()) {
      const shares = open.length + 1 - index;
      const share = Math.max(1, (endsAt - performance.now()) / shares);
      await askFor(wanted, share).catch(() => undefined);
    }
  };
  try {
    for await (const line of evidenceLines(source, { bannerMs: patienceMs, signal })) {
      await ask(line).catch(() => undefined);
      if (left.size === 0 || signal.aborted) break;
    }
  } finally {
    for (const [wanted, text] of parts)
      if (left.has(wanted)) await write(wanted, `${text}\n${cutShort}\n`);
  }
}

const cutShort = "(cut short: the guest did not tell more in the time that there was)";

/** Why SSH does not answer is asked only where it did not, or does not any more. */
const wantedOf = ({ guest, machine }: EvidenceSource): readonly Wanted[] => [
  ...inGuest,
  ...(machine.console.restarts > 0 ? [journalBefore] : []),
  ...((guest?.openLine ?? null) === null ? [whyNoSsh] : []),
];

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
