/**
 * Runs jobs to their outcomes. When each begins is `admission.ts`'s; every outcome
 * goes into the event log, and the reports on disk are renewed as jobs end so that a killed run leaves a true picture.
 */
import { join } from "node:path";
import { outcomeOf } from "../base/errors.ts";
import type { Outcome } from "../base/outcome.ts";
import type { CutsOpener } from "../cuts/cuts.ts";
import type { EventLog } from "../log/event-log.ts";
import type { JobEvent } from "../log/events.ts";
import type { Turn } from "../states/states.ts";
import { Admission } from "./admission.ts";
import { type PlayedAttempt, playAttempt } from "./attempt.ts";
import { type BootPlan, costSpec } from "./boot.ts";
import type { Hold } from "./evidence.ts";
import { costOfGuests } from "./host-capacity.ts";
import type { MachineCheck } from "./known-good.ts";
import type { Job } from "./plan.ts";
import type { FixtureOpener } from "./scenario.ts";
import type { HostBudget } from "./schedule.ts";
import type { ImageChanger } from "./stage-options.ts";

export interface RunOptions {
  readonly jobs: readonly Job[];
  readonly log: EventLog;
  readonly runDirectory: string;
  readonly budget: HostBudget;
  /** Jobs at once. */
  readonly parallel: number;
  /** Attempts after the first for a job that failed or broke. */
  readonly retries: number;
  /** Whether a job that did not pass on a fork is run once more from a cold boot before the image is blamed. */
  readonly recheckCold: boolean;
  readonly signal: AbortSignal;
  readonly bootPlan: (job: Job) => BootPlan;
  readonly fixturesOf: (job: Job) => FixtureOpener;
  /** Makes an image of another by one small layer more. */
  readonly changeImage: ImageChanger;
  /** Makes power cuts of what a machine has written. */
  readonly openCuts?: CutsOpener | undefined;
  readonly hold: Hold | null;
  /** Looks at the machine before an image is blamed that did not boot on it. Absent: nothing does. */
  readonly checkMachine?: MachineCheck | undefined;
  /** Makes what the job needs before its clock starts; `turn` keeps to the number of jobs at once. What fails here the job tells. */
  readonly prepare?: (job: Job, turn: Turn) => Promise<void>;
  /** False: the attempt would not end before the deadline. Asked before it waits for room, and again when it has it. */
  readonly mayStart?: (job: Job, attempt: number) => boolean;
}

/**
 * Runs all jobs. Returns when the last has ended or, after an abort, as soon as all is given back. Throws only a fault of
 * ours, such as a log that cannot be written, and not before every other job has ended.
 */
export async function runJobs(options: RunOptions): Promise<void> {
  const admission = new Admission(options.parallel, options.budget);
  const turn: Turn = (cost, signal, work) =>
    admission.run({ cost, signal, priority: statesFirst }, async (share) => {
      using _share = share;
      await work();
    });
  const runnable = options.jobs.filter(
    ({ skip, unavailable }) => skip === null && unavailable === undefined,
  );
  for (const job of options.jobs) {
    if (job.skip !== null) logSkipped(options, job, job.skip);
    else if (job.unavailable !== undefined)
      endAttempt(options, {
        job,
        attempt: 1,
        outcome: outcomeOf(job.unavailable),
        recheck: "none",
      });
  }
  // A fault of ours in one job must not leave the machines of the others with nobody who watches them.
  const ended = await Promise.allSettled(
    runnable.map(async (job) => {
      await prepared(options, job, turn);
      await runJob(options, job, admission);
    }),
  );
  const fault = ended.find(({ status }) => status === "rejected");
  if (fault?.status === "rejected") throw fault.reason;
}

/** A state lets other jobs begin. */
const statesFirst = 20_000;

/** A job that did not pass is played again before another one begins. */
const againFirst = 15_000;

/** Cold boots first, since they can run beside the making of a state; then the longest, so that no long one is left for the end. */
function priorityOf({ scenario: { definition } }: Job, attempt: number): number {
  if (attempt > 1) return againFirst;
  return definition.timeoutMinutes + (definition.start === "cold" ? 10_000 : 0);
}

async function prepared(options: RunOptions, job: Job, turn: Turn): Promise<void> {
  if (!mayStart(options, job, 1)) return;
  await options.prepare?.(job, turn).catch(() => undefined);
}

function logSkipped({ log }: RunOptions, job: Job, reason: string): void {
  log.append({
    type: "job-ended",
    job: job.id,
    attempt: 1,
    outcome: { kind: "skipped", reason },
    durationMs: 0,
  });
}

async function runJob(options: RunOptions, job: Job, admission: Admission): Promise<void> {
  if (!mayStart(options, job, 1)) return;
  let plan: BootPlan;
  try {
    plan = options.bootPlan(job);
  } catch (error) {
    endAttempt(options, { job, attempt: 1, outcome: outcomeOf(error), recheck: "none" });
    return;
  }
  let again = options.retries;
  for (let attempt = 1; ; attempt++) {
    const result = await runAttempt(options, { job, plan, attempt, admission });
    if (result === null || isSettled(result.outcome)) return;
    if (result.recheck === "no time") return;
    if (result.recheck === "none") {
      if (again-- <= 0 || !mayStart(options, job, attempt + 1)) return;
      continue;
    }
    plan = { ...plan, start: "cold" };
    options.log.forJob(job.id)({
      type: "note",
      text: "It did not pass on a fork, so it is run once more from a cold boot.",
    });
  }
}

/** Nothing that a second attempt could tell better. */
const isSettled = ({ kind }: Outcome): boolean => kind === "passed" || kind === "skipped";

/** Whether there is time for an attempt. Where there is none for a further one, a note says why it stays with the first. */
function mayStart(options: RunOptions, job: Job, attempt: number): boolean {
  if (options.signal.aborted) return false;
  if (options.mayStart?.(job, attempt) !== false) return true;
  if (attempt > 1) {
    options.log.forJob(job.id)({
      type: "note",
      text: "It was not tried again: the run's deadline was too near. The first outcome stands.",
    });
  }
  return false;
}

interface AttemptResult {
  readonly outcome: Outcome;
  /** A fork is our shortcut, so what did not pass on one is checked by a cold boot before the image is blamed. */
  readonly recheck: "none" | "due" | "no time";
}

function recheckOf(
  options: RunOptions,
  job: Job,
  plan: BootPlan,
  attempt: number,
  { usedFork }: Pick<PlayedAttempt, "usedFork">,
): AttemptResult["recheck"] {
  if (!options.recheckCold || plan.start !== "fork" || !usedFork) return "none";
  return mayStart(options, job, attempt + 1) ? "due" : "no time";
}

/** A failure on a fork that nothing has confirmed: we cannot tell, its words stay. */
function unconfirmed(outcome: Outcome, { signal }: RunOptions): Outcome {
  if (outcome.kind !== "failed") return outcome;
  const { error } = outcome;
  const why = signal.aborted ? "the run was stopped" : "the run's deadline was too near";
  const doubt = `Not checked by a cold boot, since ${why}:`;
  const headline = `${doubt} ${error.headline}`;
  return {
    kind: "broken",
    error: { ...error, type: "RunStopped", headline, message: `${doubt} ${error.message}` },
  };
}

/** Null for an attempt that never began, because the run was stopped or its time was up while it waited for room. */
async function runAttempt(
  options: RunOptions,
  next: Attempt & { readonly admission: Admission },
): Promise<AttemptResult | null> {
  const { job, plan, attempt, admission } = next;
  let isAdmitted = false;
  const wish = {
    cost: costOf(job, plan),
    signal: options.signal,
    priority: priorityOf(job, attempt),
  };
  try {
    return await admission.run(wish, (share) => {
      isAdmitted = true;
      return playAdmitted(options, next, share);
    });
  } catch (error) {
    if (isAdmitted) throw error;
    // A job that was still waiting for room when the run was stopped was never begun: it is not run, not broken.
    if (options.signal.aborted) return null;
    return endAttempt(options, { job, attempt, outcome: outcomeOf(error), recheck: "none" });
  }
}

interface Attempt {
  readonly job: Job;
  readonly plan: BootPlan;
  readonly attempt: number;
}

async function playAdmitted(
  options: RunOptions,
  { job, plan, attempt }: Attempt,
  share: Disposable,
): Promise<AttemptResult | null> {
  // Outermost: what others wait for is given back when the machines that hold it are off, and no sooner.
  let release: Promise<void> | null = null;
  try {
    if (!mayStart(options, job, attempt)) return null;
    const began = performance.now();
    const tell = options.log.forJob(job.id);
    let hasAnswered = false;
    const log = (event: JobEvent): void => {
      hasAnswered ||= event.type === "guest-started";
      tell(event);
    };
    log({ type: "job-started", attempt });
    const again = attempt === 1 ? [] : [`attempt-${attempt}`];
    const directory = join(options.runDirectory, jobFolder(job), ...again);
    const played = await playAttempt({
      ...{ ...options, job, boot: plan, log, directory },
      openFixture: options.fixturesOf(job),
    });
    release = played.stillEnding;
    const recheck = isSettled(played.outcome)
      ? "none"
      : recheckOf(options, job, plan, attempt, played);
    const told = recheck === "no time" ? unconfirmed(played.outcome, options) : played.outcome;
    const { signal } = options;
    const isOff = release === null;
    const doubted = { outcome: told, plan, hasAnswered, isOff, directory, signal, log };
    const outcome = (await options.checkMachine?.(doubted)) ?? told;
    return endAttempt(options, { job, attempt, outcome, recheck, began });
  } finally {
    if (release === null) share[Symbol.dispose]();
    else void release.finally(() => share[Symbol.dispose]());
  }
}

function endAttempt(
  options: RunOptions,
  ended: AttemptResult & { readonly job: Job; readonly attempt: number; readonly began?: number },
): AttemptResult {
  const { job, attempt, outcome, recheck, began } = ended;
  const durationMs = began === undefined ? 0 : performance.now() - began;
  options.log.forJob(job.id)({ type: "job-ended", attempt, outcome, durationMs });
  return { outcome, recheck };
}

/** What the guests of a job take together. */
function costOf(job: Job, plan: BootPlan): ReturnType<BootPlan["driver"]["cost"]> {
  const all = Object.values(job.images);
  const image =
    all.find(({ disk }) => disk !== null) ??
    all.find((one) => one.oci !== null || one.installer !== undefined);
  if (image === undefined) return { memoryMiB: 0, cpus: 0, diskMiB: 0, locks: [] };
  const one = plan.driver.cost(costSpec(plan, image));
  return costOfGuests(one, job.scenario.definition.needs.guests ?? 1);
}

/** A job's folder in the run directory: its id with dots for slashes. */
export const jobFolder = (job: Pick<Job, "id">): string => job.id.replaceAll("/", ".");
