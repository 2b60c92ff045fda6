/**
 * Known failures (`scenarios/known-failures.yaml`): excuses with a tracker and an end. The pattern is text with `*`,
 * and not a regular expression: it cannot run without end, and brackets and dots mean themselves. It is looked for in the
 * harness's own words only, since a guest could print anything to be excused; the rest has to be asked for.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { oneLine } from "../../log/clean-text.ts";
import { type AttemptModel, errorOf, type JobModel } from "../../log/model-schema.ts";
import { isOver, lastDay } from "../policy/dates.ts";
import { findWildcard, matchesWildcard } from "../policy/wildcard.ts";

const filled = "expected text that is not empty";
const text = z.string().trim().min(1, filled).max(500);
const stepNeeded =
  "expected the name of the step that fails: with 'in: message' anything the guest prints could excuse another failure";

/** Fewer letters than this match by chance. */
const minLetters = 8;
/** What only a regular expression would have; taken as plain text it would silently never match. */
const regexMarks =
  /\.[*+]|\\[dDwWsSbB.()[\]*+?|/^$]|[)\]][+?{]|\(\?[:=!<]|\[\^|\[[a-z]-[a-z]|\[0-9|^\^|\$$/;

const pattern = text
  .refine(
    (value) => !regexMarks.test(value),
    "expected plain text in which * stands for anything, not a regular expression",
  )
  .refine(
    (value) => (value.match(/[\p{L}\p{N}]/gu) ?? []).length >= minLetters,
    `expected at least ${minLetters} letters or digits, fewer match by chance`,
  );

const entry = z
  .strictObject({
    scenario: text,
    step: text
      .optional()
      .describe("Only when this step is the one that failed; required with `in: message`"),
    pattern: pattern.describe(
      "Text that the failure's headline has, without what it quotes of the guest; * stands for anything",
    ),
    in: z
      .enum(["headline", "message"])
      .optional()
      .describe(
        "Where the pattern is looked for. message: in each line of the whole message, the guest's console and output included; none: headline",
      ),
    images: z
      .array(text)
      .min(1, "expected at least one; to mean any image leave the key out")
      .optional()
      .describe("Names of candidates, * for anything"),
    architectures: z
      .array(z.enum(["x86_64", "aarch64"]))
      .min(1, "expected at least one; to mean any architecture leave the key out")
      .optional(),
    tracker: z.url({ protocol: /^https?$/, error: "expected the URL of the issue" }),
    until: lastDay("a known failure").describe("Last day on which it counts; later it holds"),
  })
  .refine(({ in: place, step }) => place !== "message" || step !== undefined, {
    path: ["step"],
    error: stepNeeded,
  });

export const knownFailuresSchema = z.strictObject({
  version: z.literal(1),
  failures: z.array(entry, "expected a list of failures; [] for none"),
});

export type KnownFailures = z.output<typeof knownFailuresSchema>;
export type KnownFailure = KnownFailures["failures"][number];

export const noKnownFailures: KnownFailures = { version: 1, failures: [] };

/** A failure that is listed, with its true outcome beside it. */
export interface KnownHit {
  readonly entry: KnownFailure;
  readonly expired: boolean;
  /** What the job really was. */
  readonly trueOutcome: "failed" | "broken";
  readonly step: string | null;
  /** The line of the failure that matched. */
  readonly words: string;
}

/** Stable name of an entry, for counting: changes with its scenario, step or pattern and with nothing else. */
export const knownId = ({ scenario, step, pattern: words }: KnownFailure): string =>
  createHash("sha256")
    .update(JSON.stringify([scenario, step ?? null, words]))
    .digest("hex")
    .slice(0, 12);

/**
 * The entry that a job's failure matches, or null. A job has failed the known way only when each attempt that did not
 * pass did so; an entry that still counts is preferred to one that has expired.
 */
export function matchKnown(known: KnownFailures, job: JobModel, now: Date): KnownHit | null {
  const failed = job.attempts.filter(({ outcome }) => errorOf(outcome) !== null);
  const first = failed[0];
  if (first === undefined) return null;
  const hits = known.failures.flatMap((candidate) => {
    const words = matchingWords(candidate, job, failed);
    return words === null ? [] : [hitOf(candidate, first, words, now)];
  });
  return hits.find(({ expired }) => !expired) ?? hits[0] ?? null;
}

/**
 * The entry whose words are in what the guest said, where they do not count; null for none. For the verdict's reason
 * only: the person who listed it should learn why it did not match.
 */
export function saidByGuest(known: KnownFailures, job: JobModel): KnownFailure | null {
  const failed = job.attempts.filter(({ outcome }) => errorOf(outcome) !== null);
  const inMessage = (candidate: KnownFailure) => ({ ...candidate, in: "message" as const });
  return (
    known.failures.find((candidate) => matchingWords(inMessage(candidate), job, failed) !== null) ??
    null
  );
}

/** The line that matched in the first of the failed attempts; null unless each of them has one. */
function matchingWords(
  candidate: KnownFailure,
  job: JobModel,
  failed: readonly AttemptModel[],
): string | null {
  if (!concerns(candidate, job)) return null;
  const lines = failed.map((attempt) => matchingLine(candidate, attempt));
  return lines.includes(null) ? null : (lines[0] ?? null);
}

function hitOf(candidate: KnownFailure, attempt: AttemptModel, words: string, now: Date): KnownHit {
  return {
    entry: candidate,
    expired: isOver(candidate.until, now),
    trueOutcome: attempt.outcome.kind === "failed" ? "failed" : "broken",
    step: failedStep(attempt),
    words: oneLine(words),
  };
}

function concerns(candidate: KnownFailure, job: JobModel): boolean {
  const image = (job.images.candidate ?? Object.values(job.images)[0])?.name ?? "";
  return (
    candidate.scenario === job.scenario &&
    (candidate.architectures?.some((one) => one === job.machine.architecture) ?? true) &&
    (candidate.images?.some((name) => matchesWildcard(name, image)) ?? true)
  );
}

function matchingLine(candidate: KnownFailure, attempt: AttemptModel): string | null {
  const error = errorOf(attempt.outcome);
  if (error === null) return null;
  if (candidate.step !== undefined && candidate.step !== failedStep(attempt)) return null;
  const lines = (
    candidate.in === "message"
      ? `${error.headline}\n${error.message}`
      : (error.ownWords ?? error.headline)
  ).split("\n");
  return lines.find((line) => findWildcard(candidate.pattern, line)) ?? null;
}

/** The step in which an attempt went wrong. */
export const failedStep = (attempt: AttemptModel | undefined): string | null =>
  attempt?.steps.find(({ outcome }) => errorOf(outcome) !== null)?.name ?? null;

/** JSON schema for editors; kept in docs/schema/known-failures.schema.json. */
export function knownFailuresJsonSchema(): string {
  const schema = z.toJSONSchema(knownFailuresSchema, { io: "input", unrepresentable: "any" });
  return `${JSON.stringify({ title: "bootgate known failures", ...schema }, null, 2)}\n`;
}
