/**
 * The shape of a run as every report sees it. It is a zod schema because the same shape is written as `results.json`
 * for other programs and published as a JSON schema.
 */
import { z } from "zod";
import { cellFacts, hostFacts, imageLayers } from "./events.ts";

const errorModel = z.object({
  type: z.string().describe("Name of the error class, for example BootFailed"),
  headline: z.string(),
  ownWords: z
    .string()
    .optional()
    .describe("The headline without what it quotes of the guest; left out where it quotes nothing"),
  message: z.string(),
  stage: z.string().optional().describe("Boot stage reached, where a boot failed"),
  stack: z.string().optional(),
  fatalLine: z
    .object({ console: z.string(), lineNumber: z.number().int().positive(), line: z.string() })
    .optional()
    .describe("The console line that ended the boot; lineNumber is 1-based"),
});

const outcomeModel = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("passed") }),
  z.object({ kind: z.literal("failed"), error: errorModel }).describe("The image is wrong"),
  z.object({ kind: z.literal("broken"), error: errorModel }).describe("We cannot tell"),
  z.object({ kind: z.literal("skipped"), reason: z.string() }),
  z.object({ kind: z.literal("not-run"), reason: z.string() }),
]);

const stepModel = z.object({
  name: z.string().describe("Unique in its attempt"),
  startedAt: z.string(),
  durationMs: z.number(),
  outcome: outcomeModel,
});

const attemptModel = z.object({
  attempt: z.number().int(),
  startedAt: z.string(),
  durationMs: z.number(),
  outcome: outcomeModel,
  steps: z.array(stepModel),
  guests: z.array(
    z.object({
      guest: z.string(),
      image: z.string(),
      start: z.enum(["cold", "fork"]),
      accelerator: z.string(),
      readyAt: z.string(),
      readyMs: z.number(),
      console: z.string(),
    }),
  ),
  bootStages: z.array(
    z.object({
      guest: z.string(),
      stage: z.string(),
      at: z.string(),
      sincePowerOnMs: z.number(),
    }),
  ),
  deviations: z.array(z.object({ id: z.string(), text: z.string() })),
  notes: z.array(z.string()),
  measures: z.array(z.object({ name: z.string(), value: z.number() })),
  evidence: z.array(
    z.object({ kind: z.string(), path: z.string().describe("Relative to the run directory") }),
  ),
});

const knownModel = z.object({
  tracker: z.string(),
  until: z.string(),
  expired: z.boolean(),
  words: z.string(),
});

/** An image as reports and decisions name it. */
export const imageModel = z.object({
  name: z.string(),
  digest: z.string(),
  architecture: z.string(),
  standIns: z.array(z.string()),
  digestOf: z
    .literal("disk")
    .optional()
    .describe("Set where the digest is a disk file's: no OCI image was named"),
  disk: z
    .string()
    .optional()
    .describe("Set where a disk file was named beside the OCI image: the digest of the file"),
  index: z
    .string()
    .optional()
    .describe("Set where an index was named: its digest; this is its image for the architecture"),
  derivedFrom: z
    .string()
    .optional()
    .describe("Set where nobody named an image for the role: the digest of the one it was made of"),
});

const jobModel = z.object({
  known: knownModel
    .nullable()
    .describe(
      "The entry of the known failures that this failure matched; the outcome is the true one",
    ),
  id: z.string(),
  scenario: z.string(),
  summary: z.string(),
  images: z.record(z.string(), imageModel),
  machine: z.object({
    driver: z.string(),
    architecture: z.string(),
    firmware: z.string(),
    board: z.string().optional(),
    tpm: z.literal(true).optional().describe("It has a TPM 2.0 that the run asked for"),
  }),
  cell: cellFacts
    .optional()
    .describe("Set in a run of several images: which of them, and how its disk was made"),
  repeat: z.string().describe("The command line that repeats this job by hand"),
  outcome: outcomeModel.describe("Of the first attempt, not of later ones"),
  flaky: z.boolean().describe("The first attempt did not pass, a later one did"),
  durationMs: z.number().describe("All attempts together"),
  attempts: z.array(attemptModel),
});

const count = z.number().int().nonnegative();

export const runModelSchema = z.object({
  run: z.string(),
  harness: z.string().describe("Version of the harness"),
  shard: z
    .object({ index: count, count, nothingToRun: z.boolean() })
    .optional()
    .describe("Which part of the jobs this run had, where they were split; index from 1"),
  host: hostFacts,
  command: z.array(z.string()),
  startedAt: z.string(),
  endedAt: z.string().nullable().describe("null: the run was killed"),
  durationMs: z.number(),
  stopped: z.string().nullable().describe("Why the run ended before its plan was done"),
  counts: z
    .object({
      passed: count,
      flaky: count,
      failed: count,
      broken: count,
      skipped: count,
      notRun: count,
    })
    .describe("Each job is in exactly one of these"),
  imageLayers: z
    .array(imageLayers)
    .optional()
    .describe("Of which layers each candidate is made; left out where none is known"),
  jobs: z.array(jobModel),
});

export type RunModel = z.infer<typeof runModelSchema>;
export type JobModel = RunModel["jobs"][number];
export type AttemptModel = JobModel["attempts"][number];
export type StepModel = AttemptModel["steps"][number];
export type OutcomeModel = JobModel["outcome"];
export type KnownModel = z.infer<typeof knownModel>;
export type ErrorModel = z.infer<typeof errorModel>;
export type Counts = RunModel["counts"];

/** The error of an outcome that has one, else null. */
export const errorOf = (outcome: OutcomeModel): ErrorModel | null =>
  outcome.kind === "failed" || outcome.kind === "broken" ? outcome.error : null;
