/** Watches a boot menu that counts down: on a busy emulating host its one second may last minutes, and a key ends it. */
import { type BootStage, timeProves } from "./console.ts";
import type { FatalPattern, ProgressPattern } from "./console-pattern.ts";

/** A countdown moves once a second; one that stands this long is a clock that does not fit the machine. Milliseconds. */
const standsMs = 5000;

export class BootMenu {
  #state: "none" | "counts" | "told" = "none";
  /** A key was pressed: what the boot loader says of that is not the image's alone any more. */
  isPressed = false;

  begin(): void {
    this.#state = "none";
    this.isPressed = false;
  }

  /** The harness types at it, and is left alone with it. */
  keyPressed(): void {
    this.#state = "told";
    this.isPressed = true;
  }

  /** Whether a key of the harness may have brought what a pattern shows. */
  explains({ byKey }: FatalPattern): boolean {
    return byKey === true && this.isPressed;
  }

  /** What was typed only chose an entry that the menu offers, as a user would: what comes of that is the image's own again. */
  entryPicked(): void {
    this.isPressed = false;
  }

  /** A menu without a countdown waits for a person: nothing may be pressed there, since no user's machine would boot either. */
  sawProgress({ shows }: ProgressPattern): void {
    if (this.#state !== "told") this.#state = shows === "menu" ? "counts" : "none";
  }

  /** Anything else that is said after the menu: an error, a prompt. */
  sawOther(): void {
    if (this.#state === "counts") this.#state = "none";
  }

  sawStage(stage: BootStage): void {
    if (timeProves(stage)) this.#state = "none";
  }

  /** Whether the countdown stands still; true once a boot. */
  standsStill(quietMs: number): boolean {
    if (this.#state !== "counts" || quietMs < standsMs) return false;
    this.#state = "told";
    return true;
  }
}
