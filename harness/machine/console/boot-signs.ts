/** What the lines of one boot mean by what was said before: whose words they are, and how often they came. */
import type { BootStage } from "./console.ts";
import type { ConsoleLine } from "./console-lines.ts";
import type { FatalPattern, StagePattern } from "./console-pattern.ts";
import { InitrdGreeting } from "./initrd-greeting.ts";
import { KernelStamps } from "./kernel-stamps.ts";

/**
 * Words that a program writes to its console itself: a status line and the greeting of systemd, a prompt and a message of
 * initramfs-tools (scripts/functions, log_begin_msg). What systemd, dracut and others write to the kernel's log ("systemd[1]: ")
 * comes out on every console that the kernel has, so it does not tell that user space has this one.
 */
const ofProgram =
  /^(?:Begin: |\(Initramfs\)|Welcome to .{1,300}\(Initramfs\)|Booting initrd of |\[ {0,2}(?:OK|FAILED|DEPEND|TIME|SKIP|INFO) {0,2}\])/i;

export class BootSigns {
  readonly #stamps = new KernelStamps();
  readonly #greeting = new InitrdGreeting();
  #seen = new Map<FatalPattern, number>();

  /** A boot begins, or is asked for: until it is seen (`isSeen`), the kernel of the one before speaks. */
  begin(isSeen: boolean): void {
    this.#seen.clear();
    this.#greeting.begin();
    if (isSeen) this.#stamps.begin();
  }

  /** Any message, before it is judged. True when it is of the system behind an initramfs. */
  saw(text: string, isUnfinished: boolean): boolean {
    this.#stamps.saw(text);
    return !isUnfinished && this.#greeting.saw(text);
  }

  /** Whether a message of a boot that has come as far as this is user space's, an initramfs's included, and not the kernel's. */
  isOfProgram(text: string, stage: BootStage): boolean {
    if (stage !== "kernel" && stage !== "initrd") return false;
    return ofProgram.test(text) || (stage === "initrd" && this.#stamps.isNotKernel(text));
  }

  /** Whether a line is what begins a stage, and of one who may say it. */
  begins({ regex }: StagePattern, text: string): boolean {
    return this.#stamps.isThat(regex, text);
  }

  /** Whether the greeting on this line is the initramfs's, which shows no other stage. */
  isOfInitrd({ greets }: StagePattern, { lineNumber }: ConsoleLine): boolean {
    return greets === true && this.#greeting.isHere(lineNumber);
  }

  /** Whether a line is what a fatal pattern looks for in this stage. */
  ends({ stages, regex }: FatalPattern, text: string, stage: BootStage): boolean {
    if (stages !== undefined && !stages.includes(stage)) return false;
    return this.#stamps.isThat(regex, text);
  }

  /** Counts a match; true when the pattern was seen often enough in this boot. */
  isEnough(pattern: FatalPattern): boolean {
    const seen = (this.#seen.get(pattern) ?? 0) + 1;
    this.#seen.set(pattern, seen);
    return seen >= (pattern.times ?? 1);
  }
}
