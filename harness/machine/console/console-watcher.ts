/**
 * Follows a boot by its console: which stage it has reached and whether a line ended it. A pure state machine (bytes
 * and times in, facts out), so that every boot there ever was can be played back in a unit test in no time.
 */
import { type BootStage, bootStages, type FatalLine, type StageMark } from "./console.ts";
import { type ConsoleLine, LineSplitter } from "./console-lines.ts";
import {
  type FatalPattern,
  fatalPatterns,
  interestingIn,
  type StagePattern,
  stagePatterns,
} from "./console-patterns.ts";

export interface WatcherOptions {
  /** A console that says nothing for this long after power-on is a broken harness. Milliseconds. */
  readonly firstByteMs: number;
  /** A boot that says nothing for this long has hung. Milliseconds; ends when SSH answers. */
  readonly silenceMs: number;
  /** Graces of doubtful patterns are multiplied by this: 1 with hardware acceleration, more under emulation. */
  readonly patience: number;
}

/** What a machine under pure emulation needs more of than one with hardware virtualisation. */
export const emulatedPatience = 3;

/** Limits for a machine; both are generous, since a boot with `quiet` says little. */
export const defaultLimits = (patience: number): WatcherOptions => ({
  firstByteMs: 30_000 * patience,
  silenceMs: 120_000 * patience,
  patience,
});

export type WatcherFact =
  | { readonly kind: "stage"; readonly mark: StageMark }
  | { readonly kind: "restarted" }
  | { readonly kind: "fatal"; readonly fatal: FatalLine; readonly meaning: string };

/** Boots that begin without being asked for, before SSH ever answered, until we call it a loop. */
const restartsAllowed = 3;
const tailLines = 400;
const rank = (stage: BootStage): number => bootStages.indexOf(stage);

interface Suspicion {
  readonly pattern: FatalPattern;
  readonly line: ConsoleLine;
  readonly stage: BootStage;
  readonly sinceMs: number;
  readonly dueMs: number;
}

export class ConsoleWatcher {
  readonly #options: WatcherOptions;
  readonly #lines = new LineSplitter();
  #facts: WatcherFact[] = [];
  #tail: string[] = [];
  #stages: StageMark[] = [];
  #stage: BootStage = "off";
  #bytes = 0;
  #startMs = 0;
  #lastByteMs = 0;
  /** Silence counts only while the machine is on, SSH has not answered and it is not a fork at rest. */
  #listening = false;
  #rebootAsked = false;
  #restarts = 0;
  #counts = new Map<FatalPattern, number>();
  #suspicion: Suspicion | null = null;
  #fatal: FatalLine | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  get stage(): BootStage {
    return this.#stage;
  }
  get stages(): readonly StageMark[] {
    return this.#stages;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get fatal(): FatalLine | null {
    return this.#fatal;
  }

  /** Cleaned lines, newest last, the unfinished one included. */
  tail(count: number): readonly string[] {
    const last = this.#lines.unfinished();
    const all = last === null ? this.#tail : [...this.#tail, last.text];
    return count <= 0
      ? []
      : all.slice(-Math.min(count, tailLines)).map((line) => line.slice(0, 500));
  }

  /** Power came on: a new boot with a clean record. */
  powerOn(atMs: number): void {
    this.#begin(atMs);
    this.#bytes = 0;
    this.#restarts = 0;
    this.#rebootAsked = false;
    this.#fatal = null;
    this.#listening = true;
  }

  /** A frozen guest goes on: user space stands, and it need not say anything. */
  resume(atMs: number): WatcherFact[] {
    this.powerOn(atMs);
    this.#listening = false;
    this.#reach("userspace", atMs);
    return this.#take();
  }

  /** Power is off: nothing more is expected. */
  powerOff(): void {
    this.#listening = false;
    this.#suspicion = null;
  }

  /** Takes what the console said. */
  feed(bytes: Uint8Array, atMs: number): WatcherFact[] {
    if (bytes.length === 0) return [];
    this.#bytes += bytes.length;
    this.#lastByteMs = atMs;
    if (this.#stage === "off" && !this.#rebootAsked) this.#reach("firmware", atMs);
    this.#lines.feed(bytes, (line) => this.#examine(line, atMs));
    const rest = this.#lines.unfinished();
    if (rest !== null) this.#examineUnfinished(rest, atMs);
    return this.#take();
  }

  /** Looks at the clock: hung boots and doubtful lines that nothing followed. */
  tick(atMs: number): WatcherFact[] {
    const suspicion = this.#suspicion;
    if (suspicion !== null && atMs >= suspicion.dueMs) this.#condemn(suspicion, suspicion.pattern);
    if (this.#listening && this.#fatal === null) this.#checkSilence(atMs);
    return this.#take();
  }

  /** A reboot was asked for: the stages begin anew at the next firmware or kernel line. */
  rebooting(atMs: number): void {
    this.#begin(atMs);
    this.#rebootAsked = true;
    this.#restarts = 0;
    this.#fatal = null;
    this.#listening = true;
  }

  /** The machine itself says that it was reset, whoever asked for it. */
  reset(atMs: number): WatcherFact[] {
    this.#restart(atMs);
    return this.#take();
  }

  sshAnswered(atMs: number): WatcherFact[] {
    this.#listening = false;
    this.#rebootAsked = false;
    this.#reach("ssh", atMs);
    return this.#take();
  }

  /** User space answers over another way than SSH: it need not say anything on the console. */
  guestAnswered(atMs: number): WatcherFact[] {
    this.#listening = false;
    this.#rebootAsked = false;
    this.#reach("userspace", atMs);
    return this.#take();
  }

  /** An end of the boot that the machine reports and not the console: a panic by pvpanic, a guest that switched itself off. */
  machineSaid(pattern: string, meaning: string, atMs: number): WatcherFact[] {
    this.#report({ pattern, line: meaning, lineNumber: 0, atMs, blame: "image" }, meaning);
    return this.#take();
  }

  #begin(atMs: number): void {
    this.#startMs = atMs;
    this.#lastByteMs = atMs;
    this.#stage = "off";
    this.#stages = [];
    this.#counts.clear();
    this.#suspicion = null;
  }

  #restart(atMs: number): void {
    const asked = this.#rebootAsked;
    const hadAnswered = this.#stage === "ssh";
    if (!asked && rank(this.#stage) < rank("kernel")) return;
    this.#begin(atMs);
    this.#rebootAsked = false;
    this.#listening = true;
    this.#facts.push({ kind: "restarted" });
    if (asked || hadAnswered) return;
    this.#restarts++;
    if (this.#restarts < restartsAllowed) return;
    const meaning = `the guest restarted by itself ${this.#restarts} times and never came up`;
    this.#report(
      { pattern: "reboot-loop", line: meaning, lineNumber: 0, atMs, blame: "image" },
      meaning,
    );
  }

  #examine(line: ConsoleLine, atMs: number): void {
    this.#tail.push(line.text);
    if (this.#tail.length > 2 * tailLines) this.#tail = this.#tail.slice(-tailLines);
    if (!interestingIn(this.#stage).test(line.text)) return;
    for (const pattern of stagePatterns) this.#applyStage(pattern, line, atMs);
    for (const pattern of fatalPatterns) this.#applyFatal(pattern, line, atMs);
  }

  #examineUnfinished(line: ConsoleLine, atMs: number): void {
    if (!interestingIn(this.#stage).test(line.text)) return;
    for (const pattern of stagePatterns) if (pattern.prompt) this.#applyStage(pattern, line, atMs);
    for (const pattern of fatalPatterns) if (pattern.prompt) this.#applyFatal(pattern, line, atMs);
  }

  #applyStage(pattern: StagePattern, line: ConsoleLine, atMs: number): void {
    if (!pattern.regex.test(line.text)) return;
    // GRUB and its like say "error:" too late only in user space, where the stage is past theirs anyway.
    const backwards = pattern.restarts === true && rank(pattern.stage) < rank(this.#stage);
    if (backwards && rank(this.#stage) >= rank("kernel")) this.#restart(atMs);
    if (this.#rebootAsked && pattern.restarts === true) this.#restart(atMs);
    if (!this.#rebootAsked) this.#reach(pattern.stage, atMs);
  }

  #applyFatal(pattern: FatalPattern, line: ConsoleLine, atMs: number): void {
    if (pattern.stages !== undefined && !pattern.stages.includes(this.#stage)) return;
    if (!pattern.regex.test(line.text)) return;
    const seen = (this.#counts.get(pattern) ?? 0) + 1;
    this.#counts.set(pattern, seen);
    if (seen < (pattern.times ?? 1)) return;
    const graceMs = (pattern.graceMs ?? 0) * this.#options.patience;
    const sinceMs = atMs - this.#startMs;
    const suspicion = { pattern, line, stage: this.#stage, sinceMs, dueMs: atMs + graceMs };
    if (graceMs === 0) this.#condemn(suspicion, pattern);
    else this.#suspicion ??= suspicion;
  }

  #condemn({ line, stage, sinceMs }: Suspicion, { name, meaning }: FatalPattern): void {
    this.#suspicion = null;
    const facts = {
      pattern: name,
      line: line.text,
      lineNumber: line.lineNumber,
      atMs: this.#startMs + sinceMs,
    };
    this.#report({ ...facts, blame: "image" }, meaning, stage);
  }

  #checkSilence(atMs: number): void {
    const quietMs = atMs - this.#lastByteMs;
    const never = this.#bytes === 0;
    if (quietMs < (never ? this.#options.firstByteMs : this.#options.silenceMs)) return;
    const seconds = Math.round(quietMs / 1000);
    const meaning = never
      ? `the console never said a byte in ${seconds} s`
      : `no output for ${seconds} s`;
    const line = never ? "" : (this.tail(1)[0] ?? "");
    const pattern = never ? "silent" : "no-output";
    this.#report({ pattern, line, lineNumber: 0, atMs, blame: never ? "host" : "image" }, meaning);
  }

  #report(
    found: Pick<FatalLine, "pattern" | "line" | "lineNumber" | "blame"> & { readonly atMs: number },
    meaning: string,
    stage = this.#stage,
  ): void {
    if (this.#fatal !== null) return;
    const { atMs, line, ...rest } = found;
    this.#fatal = { ...rest, line: line.slice(0, 500), stage, sinceMs: atMs - this.#startMs };
    this.#facts.push({ kind: "fatal", fatal: this.#fatal, meaning });
  }

  #reach(stage: BootStage, atMs: number): void {
    if (rank(stage) <= rank(this.#stage)) return;
    this.#stage = stage;
    if (this.#suspicion !== null && rank(stage) > rank(this.#suspicion.stage))
      this.#suspicion = null;
    const mark = { stage, sinceMs: atMs - this.#startMs };
    this.#stages.push(mark);
    this.#facts.push({ kind: "stage", mark });
  }

  #take(): WatcherFact[] {
    const facts = this.#facts;
    this.#facts = [];
    return facts;
  }
}
