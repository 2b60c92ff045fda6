/** Whether a line is what a fatal pattern looks for, by what the same boot has shown before. */
import type { BootStage } from "./console.ts";
import { type FatalPattern, isStamped, takesBare } from "./console-pattern.ts";

const wholeStamp = /^\[ {0,8}\d{1,8}\.\d{1,9}\]/;

export class FatalMatcher {
  /** This boot's kernel stamps its messages: then what has no stamp is a program's, whatever it says. */
  #stamps = false;
  #seen = new Map<FatalPattern, number>();

  /** A boot begins. */
  begin(): void {
    this.#stamps = false;
    this.#seen.clear();
  }

  /** Any line, before it is judged. */
  saw(text: string): void {
    this.#stamps ||= wholeStamp.test(text);
  }

  matches({ stages, regex }: FatalPattern, text: string, stage: BootStage): boolean {
    if (stages !== undefined && !stages.includes(stage)) return false;
    if (!regex.test(text)) return false;
    return !this.#stamps || !takesBare(regex) || isStamped.test(text);
  }

  /** Counts a match; true when the pattern was seen often enough in this boot. */
  isEnough(pattern: FatalPattern): boolean {
    const seen = (this.#seen.get(pattern) ?? 0) + 1;
    this.#seen.set(pattern, seen);
    return seen >= (pattern.times ?? 1);
  }
}
