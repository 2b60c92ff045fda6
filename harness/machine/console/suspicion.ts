/**
 * Doubtful lines: each ends a boot only if the boot is not seen to go on. One is held at a time, the one that proves
 * most; signs of life make its grace begin again or end the doubt.
 */
import { type BootStage, bootStages, type FatalLine, timeProves } from "./console.ts";
import type { ConsoleLine } from "./console-lines.ts";
import type { FatalPattern, ProgressPattern } from "./console-pattern.ts";
import type { WatcherFact } from "./watcher-facts.ts";

export interface Suspicion {
  readonly pattern: FatalPattern;
  readonly line: ConsoleLine;
  readonly stage: BootStage;
  /** When the line came. */
  readonly atMs: number;
}

/** A grace that begins again and again ends after this many, so that a unit that restarts without end does not hide a prompt. */
const gracesAtMost = 5;

const rank = (stage: BootStage): number => bootStages.indexOf(stage);
/** Whether time alone says nothing here: before the kernel, on an emulated machine (its boot loader's seconds may be minutes). */
const isEarly = (stage: BootStage): boolean => !timeProves(stage);

/** What was said before the last word of a boot, and is the reason for it. */
const reasons: Readonly<Record<string, readonly string[]>> = {
  "firmware-no-bootable-device": ["secure-boot-refused"],
  "u-boot-prompt": ["u-boot-no-loader", "u-boot-no-kernel", "u-boot-no-device-tree"],
  "u-boot-crashed": ["u-boot-no-device-tree"],
};

const isOfHardware = (held: Suspicion | null): held is Suspicion =>
  held?.pattern.blames === "hardware";

export class Doubt {
  readonly #patience: number;
  #held: Suspicion | null = null;
  #dueMs = 0;
  #latestMs = 0;
  #wentOn = false;

  constructor(patience: number) {
    this.#patience = patience;
  }

  get held(): Suspicion | null {
    return this.#held;
  }

  /** What ends a boot that `found` ends: where the firmware gives up, what it could not do before; and hardware that failed, whatever ends it. */
  reasonOf(found: Suspicion): Suspicion {
    const held = this.#held;
    if (held === null) return found;
    const isReason = reasons[found.pattern.name]?.includes(held.pattern.name) === true;
    return isReason || isOfHardware(held) ? held : found;
  }

  clear(): void {
    this.#held = null;
  }

  /** Takes a doubtful line. A line that proves more, or that came after a sign of life, takes the place of the older. */
  suspect(suspicion: Suspicion): void {
    const isWeak = suspicion.pattern.proof !== undefined;
    const held = this.#held;
    if (isOfHardware(held) && !isOfHardware(suspicion)) return;
    const takesPlace =
      held === null ||
      isOfHardware(suspicion) ||
      (held.pattern.proof !== undefined && !isWeak) ||
      (this.#wentOn && !isWeak);
    if (!takesPlace) return;
    this.#held = suspicion;
    this.#wentOn = false;
    const graceMs = this.#graceOf(suspicion);
    this.#dueMs = suspicion.atMs + graceMs;
    this.#latestMs = isEarly(suspicion.stage)
      ? Number.POSITIVE_INFINITY
      : suspicion.atMs + gracesAtMost * graceMs;
  }

  /** A sign of life. */
  sawProgress({ shows }: ProgressPattern, atMs: number): void {
    if (this.#held === null) return;
    this.#wentOn = true;
    const { stage, pattern } = this.#held;
    // A menu that counts down shows that an error was survived so far.
    const isOver =
      shows === "past" ||
      pattern.proof === "doubtful" ||
      (isEarly(stage) && pattern.proof !== undefined);
    if (isOver) this.#held = null;
    else if (shows === "menu" && this.#patience > 1) this.#dueMs = Number.POSITIVE_INFINITY;
    else this.#dueMs = Math.min(atMs + this.#graceOf(this.#held), this.#latestMs);
  }

  /** Whether a screen that changes would end or prolong the doubt: it shows that a boot loader did go on. */
  asksScreen(atMs: number): boolean {
    const held = this.#held;
    return (
      held !== null && isEarly(held.stage) && atMs < held.atMs + gracesAtMost * this.#graceOf(held)
    );
  }

  /** The screen changes. */
  sawScreen(atMs: number): void {
    if (this.#held === null || !isEarly(this.#held.stage)) return;
    if (this.#held.pattern.proof !== undefined) this.#held = null;
    else this.#dueMs = atMs + this.#graceOf(this.#held);
  }

  /** A stage was reached: what was doubtful before it is over. */
  sawStage(stage: BootStage): void {
    if (this.#held !== null && rank(stage) > rank(this.#held.stage)) this.#held = null;
  }

  isDue(atMs: number): boolean {
    return this.#held !== null && atMs >= this.#dueMs;
  }

  #graceOf({ pattern }: Suspicion): number {
    return (pattern.graceMs ?? 0) * this.#patience;
  }
}

/** What a verdict is made of. */
export interface Found extends Omit<FatalLine, "sinceMs"> {
  readonly meaning: string;
  readonly atMs: number;
  readonly goesOn?: boolean | undefined;
  /** A reboot was asked for, and no other boot was seen yet. */
  readonly isBetween?: boolean;
  readonly howTo?: string | undefined;
  readonly waitedMs?: number | undefined;
}

/** An end that no line tells: the machine reports it, or what was counted. */
export function byWord(pattern: string, meaning: string, stage: BootStage, atMs: number): Found {
  return { pattern, meaning, line: meaning, lineNumber: 0, stage, atMs, blame: "image" };
}

type FatalFact = Extract<WatcherFact, { kind: "fatal" }>;

/** The fact that a boot ended so; `since` counts from the beginning of the boot. */
export function fatalFact(
  { meaning, atMs, howTo, waitedMs, goesOn = false, isBetween = false, ...said }: Found,
  since: (atMs: number) => number,
): FatalFact {
  const fatal: FatalLine = { ...said, line: said.line.slice(0, 500), sinceMs: since(atMs) };
  return {
    kind: "fatal",
    fatal,
    meaning,
    goesOn,
    isBetween,
    ...(howTo === undefined ? {} : { howTo }),
    ...(waitedMs === undefined ? {} : { waitedMs }),
  };
}

/** What a doubtful or a fatal line shows in the end, and whose fault it is on a machine of this patience. */
export function verdictOf(
  { line, stage, atMs, pattern }: Suspicion,
  patience: number,
  enterPressed: boolean,
): Found {
  const { name, meaning, howTo, proof, goesOn, blames } = pattern;
  const isTimeOnly = proof === "timed" && patience > 1 && isEarly(stage);
  const isOurs = enterPressed && isEarly(stage);
  const isDoubtful = proof === "doubtful" || isTimeOnly || isOurs;
  const blame = blames === "hardware" ? "host" : isDoubtful ? "unknown" : "image";
  const { text, lineNumber } = line;
  return { pattern: name, line: text, lineNumber, atMs, stage, blame, howTo, meaning, goesOn };
}
