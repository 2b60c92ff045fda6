/** What a benchmark is and what each of them gets. */
import type { Figure } from "./figure.ts";

export interface BenchContext {
  /** Pairs of a paired measurement; repetitions of a long one. */
  readonly pairs: number;
  /** An empty folder of this benchmark's own; removed with the run. */
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Bench {
  readonly name: string;
  readonly summary: string;
  /** True where machines are booted: minutes under emulation. */
  readonly boots: boolean;
  readonly measure: (context: BenchContext) => Promise<Figure[]>;
}
