/**
 * One point of the policy's matrix against the jobs that were run: what was shown of each candidate, and which excuse
 * covers the rest. What was shown of one image says nothing about another.
 */
import { oneLine } from "../../log/clean-text.ts";
import type { JobModel } from "../../log/model-schema.ts";
import {
  failedStep,
  type KnownFailures,
  type KnownHit,
  matchKnown,
  saidByGuest,
} from "../known/known-failures.ts";
import { isOver } from "../policy/dates.ts";
import { type Cell, cellWords, type Policy, type Waiver } from "../policy/policy.ts";
import { matchesWildcard } from "../policy/wildcard.ts";
import type { RequirementEntry } from "./decision.ts";
import type { GatedJob, ImageModel } from "./gated-jobs.ts";

export interface JudgedEntry {
  readonly entry: RequirementEntry;
  readonly job: JobModel | null;
  readonly known: KnownHit | null;
  readonly waiver: Waiver | null;
}

export interface CellContext {
  readonly policy: Policy;
  readonly known: KnownFailures;
  readonly candidates: readonly ImageModel[];
  readonly jobs: readonly GatedJob[];
  readonly now: Date;
}

/** For each candidate of the cell one entry a job, or one that says that it is missing. */
export function judgeCell(cell: Cell, context: CellContext): JudgedEntry[] {
  const mine = context.candidates.filter((image) => concerns(cell, image));
  const unavailable = context.jobs.map(({ job }) => job).filter((job) => isUnavailable(cell, job));
  if (mine.length === 0 && unavailable.length === 0) return [missing(cell, null, context)];
  return [
    ...mine.flatMap((image) => judgeImage(cell, image, context)),
    ...unavailable.map((job) => judgeJob(job, context)),
  ];
}

/**
 * Whether a job of a matrix whose image could not be had belongs to a cell. Which image it would have been nobody knows, so
 * a cell about images of some name takes it too.
 */
const isUnavailable = (cell: Cell, { scenario, cell: label, images, machine }: JobModel): boolean =>
  label !== undefined &&
  images.candidate === undefined &&
  scenario === cell.scenario &&
  isOn(cell, machine);

/** Whether a machine is one that a cell is about. */
const isOn = (cell: Cell, machine: JobModel["machine"]): boolean =>
  (cell.firmware === null || machine.firmware === cell.firmware) &&
  (cell.machine === null || machine.driver === cell.machine);

function judgeImage(cell: Cell, image: ImageModel, context: CellContext): JudgedEntry[] {
  const jobs = context.jobs
    .map(({ job }) => job)
    .filter((job) => isIn(cell, job) && isSame(job.images.candidate, image));
  const ran = jobs.filter(({ outcome }) => outcome.kind !== "skipped");
  // A cell that leaves the firmware open is proved where it makes sense; what was skipped beside it is not a gap.
  const judged = ran.length > 0 ? ran : jobs;
  if (judged.length === 0) return [missing(cell, image, context)];
  return judged.map((job) => judgeJob(job, context));
}

const isSame = (one: ImageModel | undefined, other: ImageModel): boolean =>
  one?.digest === other.digest && one.architecture === other.architecture;

/** Whether a point of the policy is about an image. */
export const concerns = (cell: Cell, { name, architecture }: ImageModel): boolean =>
  (cell.image === null || matchesWildcard(cell.image, name)) &&
  (cell.architecture === null || architecture === cell.architecture);

/** Whether a job belongs to a cell. One without a candidate belongs to none: it says nothing about the image. */
export function isIn(cell: Cell, { scenario, images: { candidate }, machine }: JobModel): boolean {
  return (
    candidate !== undefined &&
    scenario === cell.scenario &&
    concerns(cell, candidate) &&
    isOn(cell, machine)
  );
}

function missing(cell: Cell, image: ImageModel | null, context: CellContext): JudgedEntry {
  // With one candidate its name would only repeat the verdict's own words.
  const whose =
    image === null || context.candidates.length === 1
      ? ""
      : ` for ${oneLine(image.name, 100)}, ${oneLine(image.architecture, 40)}`;
  const entry: RequirementEntry = {
    type: "test-result-missing",
    excuse: null,
    because: "cannot-tell",
    scenario: cell.scenario,
    job: null,
    image: image?.digest ?? null,
    architecture: image?.architecture ?? cell.architecture,
    firmware: cell.firmware,
    reason: `${oneLine(cellWords(cell))} is required and was not run${whose}`,
  };
  const named = { image: image?.name ?? cell.image, machine: cell.machine };
  return excused(entry, null, named, context);
}

function judgeJob(job: JobModel, context: CellContext): JudgedEntry {
  const entry: RequirementEntry = {
    ...standing(job),
    excuse: null,
    scenario: job.scenario,
    job: job.id,
    image: job.images.candidate?.digest ?? null,
    architecture: job.machine.architecture,
    firmware: job.machine.firmware,
  };
  const named = { image: job.images.candidate?.name ?? null, machine: job.machine.driver };
  return excused(entry, job, named, context);
}

function standing(job: JobModel): Pick<RequirementEntry, "type" | "because" | "reason"> {
  const { architecture, firmware, board } = job.machine;
  const where = [...(board === undefined ? [] : [`board ${board}`]), architecture, firmware];
  const whose = job.cell === undefined ? "" : ` of ${Object.values(job.cell).join(", ")}`;
  const subject = oneLine(`${job.scenario}${whose} on ${where.join(", ")}`, 150);
  const { outcome } = job;
  if (passedWithoutStep(job))
    return {
      type: "test-result-missing",
      because: "cannot-tell",
      reason: `${subject} passed without a single passed step, so it proves nothing`,
    };
  if (job.flaky) {
    const words = "error" in outcome ? `: ${oneLine(outcome.error.headline)}` : "";
    return {
      type: "test-result-flaky",
      because: "cannot-tell",
      reason: `${subject} is flaky, it ${passedFirst(job) ? "passed, failed and passed again" : "passed only when tried again"}${words}`,
    };
  }
  switch (outcome.kind) {
    case "passed":
      return { type: "test-result-passed", because: null, reason: `${subject} passed` };
    case "failed":
    case "broken": {
      const failed = outcome.kind === "failed";
      const headline = oneLine(outcome.error.headline);
      return {
        type: failed ? "test-result-failed" : "test-result-errored",
        because: failed ? "image" : "cannot-tell",
        reason: failed
          ? `${subject} failed: ${headline}`
          : `${subject} could not be judged: ${headline}`,
      };
    }
    case "skipped":
    case "not-run": {
      const what = outcome.kind === "skipped" ? "was skipped" : "was not run";
      return {
        type: "test-result-missing",
        because: "cannot-tell",
        reason: `${subject} is required and ${what}: ${oneLine(outcome.reason)}`,
      };
    }
    default:
      return outcome satisfies never;
  }
}

/** A pass that no step stands for: nothing in it was claimed and shown, not even a boot. */
function passedWithoutStep({ outcome, flaky, attempts }: JobModel): boolean {
  const passed = attempts.filter((attempt) => attempt.outcome.kind === "passed");
  const shows = ({ steps }: JobModel["attempts"][number]): boolean =>
    steps.some((step) => step.outcome.kind === "passed");
  return (outcome.kind === "passed" || flaky) && !passed.some(shows);
}

/** In an earlier run: within one run only what did not pass is tried again. */
const passedFirst = ({ attempts }: JobModel): boolean => attempts[0]?.outcome.kind === "passed";

/** What of a job or of a missing one a waiver can name beside what its entry has. */
interface WaivedBy {
  readonly image: string | null;
  readonly machine: string | null;
}

/** Looks for what excuses an entry: the policy on flakes, then known failures, then waivers. */
function excused(
  entry: RequirementEntry,
  job: JobModel | null,
  named: WaivedBy,
  context: CellContext,
): JudgedEntry {
  const { policy, known, now } = context;
  const hit = job === null || entry.because === null ? null : matchKnown(known, job, now);
  const waiver = entry.because === null ? null : findWaiver(context, entry, job, named);
  const give = (
    excuse: RequirementEntry["excuse"],
    reason: string,
    used: Waiver | null = null,
  ): JudgedEntry => ({
    entry: { ...entry, excuse, because: excuse === null ? entry.because : null, reason },
    job,
    known: hit,
    waiver: used,
  });
  if (entry.because === null) return give(null, entry.reason);
  if (entry.type === "test-result-flaky" && policy.flaky === "promote")
    return give("flaky-allowed", `${entry.reason} (the policy lets flakes pass)`);
  if (hit !== null && !hit.expired && policy.knownFailures === "excuse")
    return give("known", `${entry.reason} (known until ${hit.entry.until}: ${hit.entry.tracker})`);
  if (waiver !== null && !isOver(waiver.until, now)) {
    const words = oneLine(`waived by ${waiver.by} until ${waiver.until}: ${waiver.reason}`);
    return give("waived", `${entry.reason} (${words})`, waiver);
  }
  const notCounted = job === null || hit !== null ? null : saidByGuest(known, job);
  const hint =
    waiver !== null || notCounted === null
      ? ""
      : ` (the words of ${notCounted.tracker} are the guest's here and do not count unless its entry names the step and says 'in: message')`;
  return give(null, `${entry.reason}${whyNotExcused(hit, waiver, policy)}${hint}`);
}

function whyNotExcused(hit: KnownHit | null, waiver: Waiver | null, policy: Policy): string {
  if (hit?.expired === true)
    return ` (it was known until ${hit.entry.until}, which is over: ${hit.entry.tracker})`;
  if (hit !== null && policy.knownFailures === "hold")
    return ` (known, and the policy holds for known failures: ${hit.entry.tracker})`;
  if (waiver !== null) return ` (the waiver by ${oneLine(waiver.by)} ended on ${waiver.until})`;
  return "";
}

/** The waiver that covers an entry; one that still counts is preferred to one that has ended. */
function findWaiver(
  { policy: { waivers }, now }: CellContext,
  entry: RequirementEntry,
  job: JobModel | null,
  { image, machine }: WaivedBy,
): Waiver | null {
  const allows = (list: readonly string[] | undefined, value: string | null): boolean =>
    list === undefined || (value !== null && list.includes(value));
  const mine = waivers.filter(
    (waiver) =>
      waiver.scenario === entry.scenario &&
      allows(waiver.architectures, entry.architecture) &&
      allows(waiver.firmware, entry.firmware) &&
      allows(waiver.machines, machine) &&
      (waiver.images === undefined ||
        (image !== null && waiver.images.some((name) => matchesWildcard(name, image)))) &&
      (waiver.step === undefined || failedOnlyIn(waiver.step, job)),
  );
  return mine.find(({ until }) => !isOver(until, now)) ?? mine[0] ?? null;
}

/** Whether a job failed, and each time in this step; a second failure elsewhere is not what was waived. */
function failedOnlyIn(step: string, job: JobModel | null): boolean {
  const failed = (job?.attempts ?? []).filter(
    ({ outcome }) => outcome.kind === "failed" || outcome.kind === "broken",
  );
  return failed.length > 0 && failed.every((attempt) => failedStep(attempt) === step);
}
