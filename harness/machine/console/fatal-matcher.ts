/** Whether a line is what a fatal pattern looks for, by what the same boot has shown before. */
import type { BootStage } from "./console.ts";
import type { FatalPattern } from "./console-pattern.ts";
import type { KernelStamps } from "./kernel-stamps.ts";

export class FatalMatcher {
  readonly #stamps: KernelStamps;
  #seen = new Map<FatalPattern, number>();

  constructor(stamps: KernelStamps) {
    this.#stamps = stamps;
  }

  /** A boot begins. */
  begin(): void {
    this.#seen.clear();
  }

  matches({ stages, regex }: FatalPattern, text: string, stage: BootStage): boolean {
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
