/**
 * What earlier runs say of a job or a scenario, in numbers and words. The numbers come from the caller, who has the
 * history; they are a memory for people, and no report's outcome depends on them.
 */

export interface Rates {
  /** Runs in which it ran, the newest that are looked at. */
  readonly runs: number;
  /** Jobs that ran: skipped and not-run ones tell nothing. */
  readonly ran: number;
  readonly failed: number;
  readonly broken: number;
  readonly flaky: number;
  /** Shares of those that ran: jobs that never passed, and jobs that passed only when tried again. */
  readonly failureRate: number;
  readonly flakeRate: number;
  /** Median duration of passes; null when it never passed. */
  readonly expectedMs: number | null;
}

/** The earlier runs of one job, on the accelerator on which it runs now: another is another machine, and slower or faster. */
export interface JobHistory extends Rates {
  readonly accelerator: string;
  /** How many of the newest runs did not pass, one after the other. */
  readonly failingFor: number;
}

/** `failed in 2 of the last 30 runs on tcg (1 of them broken, the last 2 in a row), flaky in 3`. */
export function historyWords(history: JobHistory): string {
  const { runs, failed, broken, flaky, failingFor, accelerator } = history;
  if (runs === 0) return `no run before this one on ${accelerator}`;
  const which = `the last ${runs === 1 ? "run" : `${runs} runs`} on ${accelerator}`;
  const flakes = flaky === 0 ? "" : `, flaky in ${flaky}`;
  if (failed + broken === 0) return `never failed in ${which}${flakes}`;
  if (runs === 1) return `${broken > 0 ? "broke" : "failed"} in ${which}`;
  const more = [
    ...(broken > 0 ? [`${broken} of them broken`] : []),
    ...(failingFor > 1 ? [`the last ${failingFor} in a row`] : []),
  ];
  const aside = more.length === 0 ? "" : ` (${more.join(", ")})`;
  return `failed in ${failed + broken} of ${which}${aside}${flakes}`;
}

/** `2 of 30 (7 %)`. */
export function rateWords(count: number, ran: number): string {
  if (ran === 0) return "-";
  const percent = Math.round((count / ran) * 100);
  return `${count} of ${ran} (${count > 0 && percent === 0 ? "<1" : percent} %)`;
}
