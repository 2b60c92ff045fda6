/** Admission before a deadline: a job that will be cut off takes time from those that would have ended. */

export interface Fit {
  /** Expected duration from the history; null: not known. */
  readonly expectedMs: number | null;
  /** Time until the deadline, less what evidence and reports need. */
  readonly remainingMs: number;
  /** Factor on the expectation, for a host that is slower today. 1.25 unless told. */
  readonly safety?: number;
}

/** Whether a job should be started. One that has no history is tried as long as there is any time: it may be short. */
export function fitsBefore({ expectedMs, remainingMs, safety = 1.25 }: Fit): boolean {
  if (remainingMs <= 0) return false;
  return expectedMs === null || expectedMs * safety <= remainingMs;
}
