/**
 * Follows a boot by its console: which stage it has reached and whether a line ended it. A pure state machine (bytes
 * and times in, facts out), so that every boot there ever was can be played back in a unit test in no time.
 */
import { BootMenu } from "./boot-menu.ts";
import { BootSigns } from "./boot-signs.ts";
import { isPlainlyUp } from "./came-up.ts";
import type { BootStage, FatalLine, StageMark } from "./console.ts";
import type { ConsoleLine } from "./console-lines.ts";
import type { FatalPattern, StagePattern } from "./console-pattern.ts";
import {
  fatalPatterns,
  interestingIn,
  progressPatterns,
  stagePatterns,
} from "./console-patterns.ts";
import { ConsoleTail, wholeTail } from "./console-tail.ts";
import { Untangler } from "./console-untangle.ts";
import { PassphraseQuestion, refusedPassphrase } from "./passphrase.ts";
import { Restarts } from "./restarts.ts";
import { Quiet } from "./silence.ts";
import { StageRecord } from "./stage-record.ts";
import { byWord, Doubt, type Found, fatalFact, type Suspicion, verdictOf } from "./suspicion.ts";
import type { WatcherFact, WatcherOptions } from "./watcher-facts.ts";

export * from "./watcher-facts.ts";

export class ConsoleWatcher {
  readonly #options: WatcherOptions;
  readonly rows = new ConsoleTail();
  readonly #untangler = new Untangler();
  readonly #restarts = new Restarts();
  readonly #menu = new BootMenu();
  readonly #signs = new BootSigns();
  readonly #record = new StageRecord();
  readonly quiet: Quiet;
  readonly #passphrase: PassphraseQuestion;
  readonly #doubt: Doubt;
  readonly #facts: WatcherFact[] = [];
  /** `quiet` was told and `looked` has not answered yet. */
  #looking = false;
  #rebootAsked = false;
  #fatal: FatalLine | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#doubt = new Doubt(options.patience);
    this.quiet = new Quiet(options);
    this.#passphrase = new PassphraseQuestion(options);
  }

  get stage(): BootStage {
    return this.#record.stage;
  }
  get stages(): readonly StageMark[] {
    return this.#record.marks;
  }
  get bytes(): number {
    return this.quiet.bytes;
  }
  get seen(): StageRecord["seen"] {
    return this.#record.seen;
  }
  get fatal(): FatalLine | null {
    return this.#fatal;
  }

  /** Power came on: a new boot with a clean record. */
  powerOn(atMs: number): void {
    this.rebooting(atMs);
    this.#signs.begin(true);
    this.quiet.bytes = 0;
    this.#rebootAsked = false;
  }

  /** A frozen guest goes on: user space stands, and it need not say anything. */
  resume(atMs: number): WatcherFact[] {
    this.powerOn(atMs);
    this.quiet.listening = false;
    this.#reach("userspace", atMs);
    return this.#take();
  }

  /** Power is off: nothing more is expected. */
  powerOff(): void {
    this.quiet.listening = false;
    this.#doubt.clear();
  }

  /** Takes what the console said. */
  feed(bytes: Uint8Array, atMs: number): WatcherFact[] {
    if (bytes.length === 0) return [];
    this.quiet.heard(bytes.length, atMs);
    if (this.stage === "off" && !this.#rebootAsked) this.#reach("firmware", atMs);
    this.rows.feed(bytes, (line) => this.#examine(line, atMs));
    const rest = this.rows.unfinished;
    if (rest !== null)
      for (const text of this.#untangler.look(rest.text))
        this.#examineMessage({ ...rest, text }, atMs, true);
    return this.#take();
  }

  /** Looks at the clock: hung boots and doubtful lines that nothing followed. */
  tick(atMs: number): WatcherFact[] {
    if (this.#fatal === null && (this.#doubt.isDue(atMs) || this.#isSilent(atMs))) {
      if (!this.#maySeeMore(atMs)) this.#judgeTime(atMs);
      else if (!this.#looking) this.#facts.push({ kind: "quiet" });
      this.#looking = true;
    }
    if (this.#menu.standsStill(atMs - this.quiet.lastByteMs))
      this.#facts.push({ kind: "menu-waits" });
    if (this.#fatal === null && this.#passphrase.isDue(atMs, this.quiet.lastByteMs))
      this.#facts.push({ kind: "passphrase-waits" });
    return this.#take();
  }

  /** The answer to `quiet`: whether the screen changes; null when there is no screen to look at. */
  looked(changes: boolean | null, atMs: number): WatcherFact[] {
    if (!this.#looking) return [];
    this.#looking = false;
    if (changes === true) {
      this.quiet.sawScreen(atMs);
      this.#doubt.sawScreen(atMs);
    } else if (this.#fatal === null) this.#judgeTime(atMs);
    return this.#take();
  }

  /** The harness types: what the boot loader says of that is not the image's alone any more. */
  keyPressed(): void {
    this.#menu.keyPressed();
  }

  /** The harness started an entry of the menu as it is. */
  entryPicked(): void {
    this.#menu.entryPicked();
  }

  /** A reboot was asked for: the stages begin again at the next firmware or kernel line. `awaited`: as the console's. */
  rebooting(atMs: number, awaited = 0): void {
    this.rows.begin(false);
    this.#begin(atMs);
    this.#rebootAsked = true;
    this.#restarts.expect(awaited);
    this.#fatal = null;
    this.quiet.listening = true;
  }

  /** The machine itself says that it was reset, no matter who asked for it. */
  reset(atMs: number): WatcherFact[] {
    if (!this.#restarts.alreadySeen(this.stage, atMs)) this.#restart(atMs, null);
    return this.#take();
  }

  sshAnswered(atMs: number): WatcherFact[] {
    return this.#answered("ssh", atMs);
  }

  /** User space answers over another way than SSH: it need not say anything on the console. */
  guestAnswered(atMs: number): WatcherFact[] {
    return this.#answered("userspace", atMs);
  }

  /** An end of the boot that the machine reports and not the console: a panic by pvpanic, a guest that switched itself off. */
  machineSaid(pattern: string, meaning: string, atMs: number): WatcherFact[] {
    this.#report(byWord(pattern, meaning, this.stage, atMs));
    return this.#take();
  }

  #answered(stage: BootStage, atMs: number): WatcherFact[] {
    this.quiet.listening = false;
    this.#rebootAsked = false;
    this.#reach(stage, atMs);
    return this.#take();
  }

  #begin(atMs: number): void {
    this.#record.begin(atMs);
    this.quiet.begin(atMs);
    this.#looking = false;
    this.#menu.begin();
    this.#passphrase.begin();
    this.#signs.begin(false);
    this.#doubt.clear();
    this.#restarts.begin();
  }

  /** `line`: what shows it, where the machine does not say it. */
  #restart(atMs: number, line: string | null): void {
    const asked = this.#rebootAsked;
    const hadAnswered = this.stage === "ssh";
    this.rows.begin(line !== null);
    this.#begin(atMs);
    this.#signs.begin(true);
    if (line !== null) this.#restarts.byLine(line, atMs);
    this.#rebootAsked = false;
    this.quiet.listening = true;
    this.#facts.push({ kind: "restarted", asked });
    if (asked || hadAnswered) return;
    const meaning = this.#restarts.byItself();
    if (meaning !== null) this.#report(byWord("reboot-loop", meaning, this.stage, atMs));
  }

  #examine(line: ConsoleLine, atMs: number): void {
    for (const text of this.#untangler.take(line.text))
      this.#examineMessage(text === line.text ? line : { ...line, text }, atMs, false);
  }

  /** Of an unfinished message only what has no newline by nature counts: prompts. */
  #examineMessage(line: ConsoleLine, atMs: number, isUnfinished: boolean): void {
    if (this.#signs.saw(line.text, isUnfinished) && !this.#rebootAsked)
      this.#reach("userspace", atMs);
    this.#record.hasInitrdWord ||= this.#signs.isOfProgram(line.text, this.stage);
    if (this.#doubt.held === null && !interestingIn(this.stage).test(line.text)) return;
    for (const pattern of stagePatterns)
      if (!isUnfinished || pattern.prompt) this.#applyStage(pattern, line, atMs);
    for (const pattern of progressPatterns)
      if (pattern.stages.includes(this.stage) && pattern.regex.test(line.text)) {
        this.#doubt.sawProgress(pattern, atMs);
        this.#menu.sawProgress(pattern);
      }
    for (const pattern of fatalPatterns)
      if (!isUnfinished || pattern.prompt) this.#applyFatal(pattern, line, atMs);
  }

  #applyStage(pattern: StagePattern, line: ConsoleLine, atMs: number): void {
    if (!this.#signs.begins(pattern, line.text)) return;
    if (pattern.restarts === true) {
      const isAnother = this.#restarts.sawBanner(line.text, pattern.stage, this.stage);
      if (isAnother || this.#rebootAsked) this.#restart(atMs, line.text);
      if (pattern.stage === "kernel") this.#record.hasKernelBanner = true;
    }
    if (this.#signs.isOfInitrd(pattern, line)) return;
    if (!this.#rebootAsked) this.#reach(pattern.stage, atMs);
  }

  #applyFatal(pattern: FatalPattern, line: ConsoleLine, atMs: number): void {
    if (!this.#signs.ends(pattern, line.text, this.stage) || this.#menu.explains(pattern)) return;
    this.#menu.sawOther();
    const isPassphrase = pattern.name === "passphrase-prompt";
    const word = isPassphrase ? this.#passphrase.asked(line, atMs) : "nobody's";
    if (word === "waits") return;
    if (pattern.name === "firmware-load-failed") this.#restarts.sawFirmwareFailure();
    if (!this.#signs.isEnough(pattern)) return;
    const suspicion = { pattern, line, stage: this.stage, atMs };
    if (word === "refused") this.#condemn({ ...suspicion, pattern: refusedPassphrase });
    else if (pattern.graceMs === undefined) this.#condemn(this.#doubt.reasonOf(suspicion));
    else this.#doubt.suspect(suspicion);
  }

  #condemn(suspicion: Suspicion, waitedMs?: number): void {
    this.#doubt.clear();
    const { isPressed } = this.#menu;
    this.#report({ ...verdictOf(suspicion, this.#options.patience, isPressed), waitedMs });
  }

  #isSilent(atMs: number): boolean {
    // A system that has started its services need not say anything more.
    const isUp = () => this.stage === "userspace" && isPlainlyUp(this.rows.last(wholeTail, "said"));
    return this.quiet.isTooLong(atMs) && !isUp();
  }

  /** Whether a look at the screen could change what time says: not where a line of kernel or user space is in doubt. */
  #maySeeMore(atMs: number): boolean {
    const hasEyes = this.#options.asksForScreen === true && this.quiet.bytes > 0;
    return hasEyes && (!this.#doubt.isDue(atMs) || this.#doubt.asksScreen(atMs));
  }

  /** Time has run out for a doubtful line or for the whole boot. */
  #judgeTime(atMs: number): void {
    const { held } = this.#doubt;
    if (held !== null && this.#doubt.isDue(atMs)) this.#condemn(held, atMs - held.atMs);
    else if (this.#isSilent(atMs)) {
      const [lastLine = ""] = this.rows.last(1, "said");
      this.#report(this.quiet.found(this.#record.seen, lastLine, atMs));
    }
  }

  #report(found: Found): void {
    if (this.#fatal !== null || this.#restarts.explains(found.pattern)) return;
    const isBetween = this.#rebootAsked;
    // What a guest survives while no other boot was seen is of the boot that it comes from.
    const stage = isBetween && found.goesOn === true ? this.#record.before : found.stage;
    const since = (atMs: number) => this.#record.since(atMs);
    const fact = fatalFact({ ...found, stage, isBetween }, since);
    this.#fatal = fact.fatal;
    this.#facts.push(fact);
  }

  #reach(stage: BootStage, atMs: number): void {
    const mark = this.#record.reach(stage, atMs);
    if (mark === null) return;
    this.#doubt.sawStage(stage);
    this.#menu.sawStage(stage);
    this.#facts.push({ kind: "stage", mark });
  }

  #take(): WatcherFact[] {
    return this.#facts.splice(0);
  }
}
