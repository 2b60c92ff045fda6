/** A person as a part of a board: asked for one act at a time, in plain words, with a time limit. */

import { CannotTell, MachineFault } from "../../../base/errors.ts";

/** A person did not do in time what a board needs. */
export class NobodyActed extends MachineFault {}

/** A person would rather not do it. */
export class ActSkipped extends CannotTell {}

/** One act that somebody has to do with their hands. */
export interface Act {
  /** Name of the board, which is also written on it where a lab has several. */
  readonly board: string;
  /** Where the board is, in the words of `boards.yaml`. */
  readonly place?: string | undefined;
  /** What to do, as a whole sentence: `Pull the plug of board 'pi4'.` */
  readonly what: string;
  /** How long they have, milliseconds. */
  readonly timeoutMs: number;
}

export interface Person {
  /**
   * Returns once somebody says that it is done. Throws NobodyActed when nobody answers in time, ActSkipped when they
   * would rather skip it, and what the signal was aborted with. Several calls wait for each other: one act at a time.
   */
  ask(act: Act, signal: AbortSignal): Promise<void>;
}
