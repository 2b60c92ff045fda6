/** A measured figure with its spread and its goal, and the arithmetic of both. Pure, so that a table says what was seen. */

export type Unit = "s" | "MB" | "×" | "%";

export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export interface Figure {
  /** Stable, for people who compare two runs: `fork.first-command`. */
  readonly name: string;
  readonly says: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
  /** The median of the samples, or what was made of them, such as a ratio of two medians. */
  readonly value: number;
  readonly goal: Goal | null;
}

export interface FigureFacts {
  readonly name: string;
  readonly says: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
  readonly value?: number;
  readonly goal?: Goal;
}

/** A figure; its value is the median of the samples unless one is given. */
export function figure({ value, goal, ...facts }: FigureFacts): Figure {
  return { ...facts, value: value ?? median(facts.samples), goal: goal ?? null };
}

/** The middle value, or the mean of the two in the middle. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Whether the goal is met; null where there is none. A figure that is not a number meets nothing. */
export function meetsGoal({ value, goal }: Figure): boolean | null {
  return goal === null ? null : isWithin(value, goal);
}

const isWithin = (value: number, goal: Goal): boolean =>
  "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;

/** Whether the samples lie on both sides of the goal, so that another run may well say the opposite. */
export function isClose({ samples, goal }: Figure): boolean {
  if (goal === null) return false;
  const met = samples.filter((sample) => isWithin(sample, goal)).length;
  return met > 0 && met < samples.length;
}
