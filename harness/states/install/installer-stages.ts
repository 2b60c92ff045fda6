/**
 * How far an installer has come, by the lines of its console and its log: stages in their order, each with a limit of its
 * own, and whether a line says that it has failed. Pure. Which words say so is a matter of the installer's family.
 */
import { importMs } from "../build/import-time.ts";

export const installStages = [
  "off",
  "firmware",
  "loader",
  "kernel",
  "dracut",
  "anaconda",
  "debian-installer",
  "storage",
  "payload",
  "bootloader",
  "post",
  "complete",
  "reboot",
] as const;
export type InstallStage = (typeof installStages)[number];

/**
 * How long each stage may take, on a host with hardware acceleration. Milliseconds. A payload comes over a network or
 * from a slow medium; upstream's own test gives the whole installation 15 minutes (bootc, tests-integration/anaconda.rs).
 */
export const stageLimitsMs: Readonly<Record<InstallStage, number>> = {
  off: 60_000,
  firmware: 60_000,
  loader: 3 * 60_000,
  kernel: 60_000,
  dracut: 3 * 60_000,
  anaconda: 5 * 60_000,
  "debian-installer": 10 * 60_000,
  storage: 5 * 60_000,
  payload: 25 * 60_000,
  bootloader: 5 * 60_000,
  post: 10 * 60_000,
  complete: 3 * 60_000,
  reboot: 60_000,
};

/** What an installer of one family says. */
export interface InstallerWords {
  /** Each begins its stage; several stand for one, since text, log and programs say it in turn. */
  readonly signs: readonly { readonly stage: InstallStage; readonly pattern: RegExp }[];
  /** Lines after which an installer does not go on. What follows them is quoted as well. */
  readonly failure: RegExp;
  /** What is said when the work is all but done; null where nothing is. Failures count until the machine's own end. */
  readonly nearlyDone: RegExp | null;
  /** How many lines before a failure are quoted too, and which; null: any. */
  readonly quotedBefore: { readonly lines: number; readonly pattern: RegExp | null };
  /** Lines that come though nothing gets on. */
  readonly idle: RegExp;
}

/** Of whatever family the installer is. The kernel of a machine that starts it directly follows its firmware's first line. */
const earlySigns: InstallerWords["signs"] = [
  { stage: "firmware", pattern: /^(?:SeaBIOS \(version |BdsDxe: |UEFI Interactive Shell)/ },
  {
    stage: "loader",
    // Fedora's GRUB has neither a greeting nor its version on its menu.
    pattern:
      /\bGNU GRUB +version\b|^Welcome to GRUB!|keys to change the selection\.|^(?:ISO|SYS)LINUX /,
  },
];

/** Before what Anaconda says, where its service writes to the console by way of the journal. */
const journalPrefix = /^\[ *\d+\.\d+\] anaconda\[\d+\]: /;

/** Which of two stages is the later. */
export const rank = (stage: InstallStage): number => installStages.indexOf(stage);
const keptLines = 60;

export interface StageStart {
  readonly stage: InstallStage;
  readonly atMs: number;
}

/** Follows one installation. Times are of any clock that goes forward, in milliseconds. */
export class InstallProgress {
  readonly starts: StageStart[];
  /** The line that said so first, and what came after it; empty as long as nothing has failed. */
  readonly failed: string[] = [];
  /** The stage in which it failed; null as long as nothing has. */
  failedIn: InstallStage | null = null;
  #lastFailedMs = 0;
  #isNearlyDone = false;
  readonly #words: InstallerWords;
  readonly #recent: string[] = [];

  constructor(atMs: number, words: InstallerWords) {
    this.#words = words;
    this.starts = [{ stage: "off", atMs }];
  }

  get stage(): InstallStage {
    return this.starts.at(-1)?.stage ?? "off";
  }

  /** True once the installer has said that its work is done. */
  get isComplete(): boolean {
    return this.starts.some(({ stage }) => stage === "complete");
  }

  /** Whether a machine that ends now was installed. */
  get isDone(): boolean {
    return this.isComplete || (this.#isNearlyDone && this.failed.length === 0);
  }

  /** Takes a line; true where it began a stage. Lines are cut, so a hostile one costs nothing. */
  feed(text: string, atMs: number): boolean {
    const line = text.slice(0, 1000).trim().replace(journalPrefix, "").trim();
    if (line === "") return false;
    const { signs, failure, nearlyDone, quotedBefore, idle } = this.#words;
    if (this.failed.length > 0 || (!this.isComplete && failure.test(line))) {
      if (this.failed.length === 0) this.failed.push(...this.#recent);
      if (this.failedIn === null || !idle.test(line)) {
        if (this.failed.length < keptLines) this.failed.push(line.slice(0, 400));
        this.#lastFailedMs = atMs;
      }
      this.failedIn ??= this.stage;
    }
    this.#remember(line);
    if (nearlyDone?.test(line)) this.#isNearlyDone = true;
    // Backwards: a line may begin a late stage before an early one was told.
    const sign = [...earlySigns, ...signs].findLast(({ pattern }) => pattern.test(line));
    if (sign === undefined || rank(sign.stage) <= rank(this.stage)) return false;
    this.starts.push({ stage: sign.stage, atMs });
    // A program may complain of what does not matter: that has its stage.
    if (quotedBefore.pattern !== null) this.#recent.length = 0;
    return true;
  }

  /** Keeps what would be quoted if the next line told a failure. */
  #remember(line: string): void {
    const { quotedBefore, idle } = this.#words;
    if (idle.test(line) || quotedBefore.pattern?.test(line) === false) return;
    this.#recent.push(line.slice(0, 400));
    if (this.#recent.length > quotedBefore.lines) this.#recent.shift();
  }

  /** Whether all has been said of a failure: nothing has come for a while. */
  hasSaidWhy(atMs: number, quietMs: number): boolean {
    return this.failed.length > 0 && atMs - this.#lastFailedMs >= quietMs;
  }

  /** The stage that has gone on for too long, or null. `scale`: how much slower the host is; `payloadBytes`: what it brings in, packed. */
  overdue(atMs: number, scale: number, payloadBytes: number): InstallStage | null {
    const { stage, atMs: since } = this.starts.at(-1) ?? { stage: "off" as const, atMs };
    const moreMs = stage === "payload" ? importMs(payloadBytes) : 0;
    return atMs - since > (stageLimitsMs[stage] + moreMs) * scale ? stage : null;
  }
}
