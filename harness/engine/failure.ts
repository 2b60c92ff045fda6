/**
 * What ends an attempt: the one place that decides which error is to blame, takes evidence of it while the guests still
 * stand, and lets a person look. Steps, boots and the attempt itself all bring their errors here.
 */
import { unlessDied } from "../base/unless-died.ts";
import type { JobEvent } from "../log/events.ts";
import { unlessClosed } from "./closed-network.ts";
import { unlessDiskFull } from "./disk-full.ts";
import { type EvidenceSource, evidenceBudget, type Hold, takeEvidence } from "./evidence.ts";
import { rowsOf, unlessOutOfMemory } from "./out-of-memory.ts";
import { unlessUntold } from "./untold-passphrase.ts";

export interface FailureOptions {
  /** The run's own signal. A job's time limit is not in it: evidence of a job that took too long is worth its time. */
  readonly runSignal: AbortSignal;
  readonly runDirectory: string;
  readonly log: (event: JobEvent) => void;
  readonly timeScale: number;
  readonly hold: Hold | null;
  /** Guests whose machines still run. */
  readonly guests: () => readonly EvidenceSource[];
  /** The error to show, where another job has told it in full. */
  readonly refer?: (error: unknown) => unknown;
  /** Whether a disk of the attempt was made by the harness, which chose its size. */
  readonly sizesADisk: boolean;
}

/** The failure of one attempt. */
export class Failure {
  readonly #options: FailureOptions;
  readonly #deaths: Promise<never>[] = [];
  /** What was caught → what is to blame for it. */
  readonly #blamed = new Map<unknown, Promise<unknown>>();
  readonly #kept = new Map<unknown, Promise<void>>();
  #first: { readonly error: unknown } | null = null;
  #pending: Promise<void> = Promise.resolve();

  constructor(options: FailureOptions) {
    this.#options = options;
  }

  /** The first error that was brought here, as it was blamed. */
  get first(): { readonly error: unknown } | null {
    return this.#first;
  }

  /** Names a thing of ours whose death explains what a guest says afterwards. */
  dependsOn(died: Promise<never>): void {
    // Its death is looked at when something fails; until then nobody does, and it must not end the process.
    died.catch(() => undefined);
    this.#deaths.push(died);
  }

  /**
   * The error to blame. A guest whose registry died under it fails in words of its own; that is our fault, not the
   * image's. The end of a process is told a moment after its connections break, so that moment is given.
   */
  async blame(caught: unknown): Promise<unknown> {
    const blamed = this.#blamed.get(caught) ?? this.#findCause(caught);
    this.#blamed.set(caught, blamed);
    const error = await blamed;
    this.#blamed.set(error, blamed);
    this.#first ??= { error };
    return error;
  }

  async #findCause(caught: unknown): Promise<unknown> {
    const fault = unlessDiskFull(await unlessDied(caught, this.#deaths), this.#options.sizesADisk);
    const rows = rowsOf(this.#options.guests().map(({ machine }) => machine.console));
    const specs = this.#options.guests().map(({ machine }) => machine.spec);
    const told = unlessUntold(unlessOutOfMemory(fault, rows), specs);
    const error = unlessClosed(told, rows, specs);
    return this.#options.refer?.(error) ?? error;
  }

  /** Takes evidence of an error that was blamed, once, and then lets a person look. Never throws. */
  keep(error: unknown): Promise<void> {
    const kept = this.#kept.get(error) ?? this.#pending.then(() => this.#keepNow(error));
    this.#kept.set(error, kept);
    this.#pending = kept;
    return kept;
  }

  async #keepNow(error: unknown): Promise<void> {
    const { runDirectory, log, hold, runSignal, timeScale, guests } = this.#options;
    const sources = [...guests()];
    if (sources.length === 0) return;
    using budget = evidenceBudget(timeScale, runSignal);
    await Promise.all(sources.map((source) => takeEvidence(source, runDirectory, log, budget)));
    budget[Symbol.dispose]();
    if (hold === null || runSignal.aborted) return;
    // A terminal that has gone away must not become the failure of the image.
    await hold(sources, error).catch(() => undefined);
  }
}
