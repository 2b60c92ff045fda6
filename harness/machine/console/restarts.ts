/**
 * Counts boots that began without being asked for. A machine that is reset says so by an event or by its firmware's
 * first lines, or by both in any order, which is one restart all the same.
 */
import { type BootStage, bootStages } from "./console.ts";

/** Boots that begin by themselves, before SSH ever answered, until it is called a loop: firmwares, shim's fallback and first boots need one or two. */
const restartsAllowed = 3;
/** An event and the first lines of one restart lie this close together. Milliseconds. */
const sameRestartMs = 10_000;

const maxBanners = 16;
const rank = (stage: BootStage): number => bootStages.indexOf(stage);

export class Restarts {
  count = 0;
  /** Restarts that are awaited, each by health checks of the image that fail. */
  #awaited = 0;
  /** First lines of this boot's firmware; the same one again is another boot. */
  #banners = new Set<string>();
  #byLineAtMs = Number.NEGATIVE_INFINITY;

  /** Counts from here on. So many restarts are awaited; 0: none is. */
  expect(awaited: number): void {
    this.count = 0;
    this.#awaited = awaited;
  }

  /** Whether a line says no more than what is awaited: a boot that its own health checks end. */
  explains(pattern: string): boolean {
    return this.#awaited > 0 && pattern === "greenboot-red";
  }

  /** A boot begins. */
  begin(): void {
    this.#banners.clear();
  }

  /** OVMF goes through its boot options again after a failure, which is not a restart. */
  sawFirmwareFailure(): void {
    this.#banners.clear();
  }

  /** A first line of firmware or kernel; true when it belongs to another boot than the one that is followed. */
  sawBanner(text: string, of: BootStage, stage: BootStage): boolean {
    if (rank(stage) >= rank("kernel")) return rank(of) < rank(stage);
    if (this.#banners.has(text)) return true;
    if (this.#banners.size < maxBanners) this.#banners.add(text);
    return false;
  }

  /** Counts one that nobody asked for, before SSH ever answered. What so many mean, or null as long as they are few. */
  byItself(): string | null {
    this.count++;
    if (this.count < (this.#awaited === 0 ? restartsAllowed : this.#awaited + 1)) return null;
    return `the guest restarted by itself ${this.count} times and never ${this.#awaited === 0 ? "came up" : "fell back"}`;
  }

  byLine(text: string, atMs: number): void {
    this.#byLineAtMs = atMs;
    this.#banners.add(text);
  }

  /** Whether the machine's word for a reset tells nothing new: the lines of the new boot came first. */
  alreadySeen(stage: BootStage, atMs: number): boolean {
    const seen = rank(stage) < rank("kernel") && atMs - this.#byLineAtMs < sameRestartMs;
    this.#byLineAtMs = Number.NEGATIVE_INFINITY;
    return seen;
  }
}
