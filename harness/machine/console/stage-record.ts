/** How far the current boot has come, and when. Stages only go forward within a boot. */
import { type BootStage, bootStages, type StageMark } from "./console.ts";

export interface Seen {
  readonly stage: BootStage;
  readonly hasKernelBanner: boolean;
  readonly hasInitrdWord: boolean;
}

export class StageRecord {
  #stage: BootStage = "off";
  #marks: StageMark[] = [];
  #startMs = 0;
  /** How far the last boot before this one that was seen had come. */
  before: BootStage = "off";
  /** The kernel of this boot named itself: one that is told to be quiet prints what it warns of, and not this. */
  hasKernelBanner = false;
  /** The initramfs of this boot said something itself: the kernel goes on speaking where user space has another console. */
  hasInitrdWord = false;

  get stage(): BootStage {
    return this.#stage;
  }
  /** How far it has come, whether its kernel named itself, and whether its initramfs was heard. */
  get seen(): Seen {
    const { hasKernelBanner, hasInitrdWord } = this;
    return { stage: this.#stage, hasKernelBanner, hasInitrdWord };
  }
  get marks(): readonly StageMark[] {
    return this.#marks;
  }

  /** A boot begins. */
  begin(atMs: number): void {
    this.#startMs = atMs;
    if (this.#stage !== "off") this.before = this.#stage;
    this.#stage = "off";
    this.#marks = [];
    this.hasKernelBanner = false;
    this.hasInitrdWord = false;
  }

  /** Milliseconds since this boot began. */
  since(atMs: number): number {
    return atMs - this.#startMs;
  }

  /** The mark of a stage that is reached now; null when it, or a later one, was reached before. */
  reach(stage: BootStage, atMs: number): StageMark | null {
    if (bootStages.indexOf(stage) <= bootStages.indexOf(this.#stage)) return null;
    this.#stage = stage;
    const mark = { stage, sinceMs: this.since(atMs) };
    this.#marks.push(mark);
    return mark;
  }
}
