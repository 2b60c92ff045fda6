/**
 * A state is something that is made once and that many jobs start from, such as a booted guest. This is what a kind of
 * state has to say of itself; `States` makes it.
 */
import type { HostCost } from "../machine/machine.ts";

/** A file that shows how the making went. */
export interface StateEvidence {
  readonly kind: string;
  /** Absolute. */
  readonly path: string;
}

export interface MakeOptions {
  /** Where evidence goes. Exists. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** The run's own: where only the time for making is over, there is still time for evidence. */
  readonly runSignal: AbortSignal;
  /** From here on no time limit counts: what follows is evidence, and a person who looks. */
  readonly stopClock?: () => void;
  /** Told of each sign of progress: a boot stage, and the milliseconds since power-on. */
  readonly onStage: (stage: string, sinceMs: number) => void;
  readonly onEvidence: (evidence: StateEvidence) => void;
  /** Told of what every job that starts from it has to know, in whole sentences. */
  readonly onNote: (text: string) => void;
}

export interface State {
  /** Equal key = equal content: every job that asks for it may have the one that is there. */
  readonly key: string;
  /** For people, as in "making …": `the booted guest of reference:v2`. */
  readonly title: string;
  /** A word for files and machines: letters, digits and dashes. */
  readonly name: string;
  /** True where no job can do without it: a shelf that cannot be used fails it then. */
  readonly isNeeded?: boolean;
  /** What making it takes from the host. */
  readonly cost: HostCost;
  /** How long making it may take, waiting not counted. Milliseconds. */
  readonly limitMs: number;
  /** Whether it is there already, made by this run or an earlier one. */
  isMade(): Promise<boolean>;
  /**
   * Held by the process that makes it, so that two runs do not both do it. Look again with `isMade` once it is held.
   * `onWait` is called once where another run holds it, with which process that is and since when.
   */
  lock(signal: AbortSignal, onWait: (holder: string) => void): Promise<AsyncDisposable>;
  /**
   * Makes it and keeps it. Returns null, or what kept it from being kept: then the making itself went well, and jobs can do
   * without. Throws what went wrong with the making; the class says whose fault that is.
   */
  make(options: MakeOptions): Promise<Error | null>;
}
