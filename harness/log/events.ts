/**
 * The run's log: one JSON object a line in `events.jsonl`. It is the only source of every report, so what a report
 * shows must be in here. Unknown keys are kept out by writing, ignored by reading; a new meaning is a new version.
 */
import { z } from "zod";

export const eventsVersion = 1;

const errorReport = z.object({
  type: z.string(),
  headline: z.string(),
  /** The headline without what it quotes of the guest; left out where it quotes nothing. */
  ownWords: z.string().optional(),
  message: z.string(),
  stage: z.string().optional(),
  stack: z.string().optional(),
  /** The console line that ended the boot: file relative to the run directory, 1-based line number. */
  fatalLine: z
    .object({ console: z.string(), lineNumber: z.number().int().positive(), line: z.string() })
    .optional(),
});

const outcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("passed") }),
  z.object({ kind: z.literal("failed"), error: errorReport }),
  z.object({ kind: z.literal("broken"), error: errorReport }),
  z.object({ kind: z.literal("skipped"), reason: z.string() }),
]);

const imageFacts = z.object({
  name: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  architecture: z.string(),
  standIns: z.array(z.string()).default([]),
  /** Set where the digest is a disk file's: no OCI image was named, so what bootc reports is the guest's own word. */
  digestOf: z.literal("disk").optional(),
  /** Set where a disk file was named beside the OCI image: the digest of the file, since one image can be on several disks. */
  disk: z.string().optional(),
  /** Set where an index was named: its digest. What was tested is its image for the architecture. */
  index: z.string().optional(),
  /** Set where nobody named an image for the role: the digest of the one that it was derived from. */
  derivedFrom: z.string().optional(),
});

const machineFacts = z.object({
  driver: z.string(),
  architecture: z.string(),
  firmware: z.string(),
  /** What `boards.yaml` calls the board, where it is one. */
  board: z.string().optional(),
  /** It has a TPM 2.0 that the run asked for. */
  tpm: z.literal(true).optional(),
});

export const cellFacts = z.object({
  /** The image's label, made of its name and never of its digest, so that it is the same in the next run. */
  image: z.string(),
  /** Name of the recipe that its disk was made by. */
  disk: z.string().optional(),
});

/** One scenario on one machine with its images: the unit of scheduling and of reporting. */
const jobFacts = z.object({
  /** Unique in the run and stable between runs: `bootc/upgrade-rollback@qemu-x86_64-uefi`, in a matrix `…+silverblue-43+ext4`. */
  id: z.string(),
  scenario: z.string(),
  summary: z.string(),
  /** Image role (candidate, previous, …) → image. */
  images: z.record(z.string(), imageFacts),
  machine: machineFacts,
  /** Set in a run of several images: which of them, and which way of installing it where there are several. */
  cell: cellFacts.optional(),
  /** Why it will not run, decided before anything boots. */
  skip: z.string().optional(),
  /** Why its images cannot be had, in a matrix of which others go on. It has no images, and ends as broken. */
  unavailable: z.string().optional(),
  /** The one line that repeats this case by hand. */
  repeat: z.string(),
});

const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** Of which layers a candidate is made, and what it says that it is based on. Nothing proves the latter. */
export const imageLayers = z.object({
  digest: sha256.describe("Of the image"),
  layers: z.array(
    z.object({
      diffId: sha256.describe("Of its tar"),
      digest: sha256.describe("Of the blob"),
      size: z.number().int().nonnegative().describe("Bytes of the blob"),
    }),
  ),
  whole: z
    .number()
    .int()
    .nonnegative()
    .describe("How many of the first layers are one piece: an ostree commit, or chunks of a root"),
  claims: z
    .array(
      z.object({
        by: z.enum(["annotation", "label"]),
        digest: sha256,
        name: z.string().optional(),
      }),
    )
    .describe("The image that it says it was built on, by org.opencontainers.image.base.digest"),
  commit: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe("The ostree commit that its first layers are"),
  version: z.string().optional().describe("Its label org.opencontainers.image.version"),
  revision: z.string().optional().describe("Its label org.opencontainers.image.revision"),
});

/** What a shard says of itself in its run's first event. */
const shardFacts = z.object({
  index: z.number().int().positive(),
  count: z.number().int().positive(),
  /** Digest of the whole split: jobs and who runs them. */
  selection: z.string(),
  /** Every job of this shard is one that no host would run, while others have jobs to run. */
  nothingToRun: z.literal(true).optional(),
});

/** The host that a run was played on. */
export const hostFacts = z.object({
  name: z.string(),
  kernel: z.string(),
  qemu: z.string().nullable(),
  accelerator: z.string(),
  cpus: z.number(),
  memoryMiB: z.number(),
});

const base = { at: z.iso.datetime(), job: z.string() };

const eventSchemas = [
  z.object({
    type: z.literal("run-started"),
    at: z.iso.datetime(),
    version: z.number().int(),
    run: z.string(),
    harness: z.string(),
    host: hostFacts,
    command: z.array(z.string()),
    jobs: z.array(jobFacts),
    /** Set when this run is one of several that share the jobs: index from 1, and the digest of the whole split. */
    shard: shardFacts.optional(),
    /** Digest of the policy that the run was planned for. */
    policy: z.string().optional(),
  }),
  /** Once for each candidate whose documents are at hand; see `imageLayers`. */
  z.object({ type: z.literal("image-layers"), at: z.iso.datetime(), image: imageLayers }),
  z.object({ type: z.literal("job-started"), ...base, attempt: z.number().int() }),
  z.object({ type: z.literal("step-started"), ...base, step: z.string() }),
  z.object({
    type: z.literal("step-ended"),
    ...base,
    step: z.string(),
    outcome,
    durationMs: z.number(),
  }),
  /** A guest was started: cold, or as a fork of a template. */
  z.object({
    type: z.literal("guest-started"),
    ...base,
    guest: z.string(),
    image: z.string(),
    start: z.enum(["cold", "fork"]),
    accelerator: z.string(),
    readyMs: z.number(),
    console: z.string(),
  }),
  z.object({
    type: z.literal("boot-stage"),
    ...base,
    guest: z.string(),
    stage: z.string(),
    sincePowerOnMs: z.number(),
  }),
  /** Something that differs from a user's boot of this image. */
  z.object({ type: z.literal("deviation"), ...base, id: z.string(), text: z.string() }),
  z.object({ type: z.literal("note"), ...base, text: z.string() }),
  /** What a guest of a bare disk says that it is: a digest or an ostree commit. It counts for the run, and nothing proves it. */
  z.object({
    type: z.literal("claim"),
    ...base,
    guest: z.string(),
    image: z.string(),
    says: z.string(),
  }),
  /** A measured value, for budgets: `boot.seconds`, `upgrade.seconds`, `pulled.bytes`. */
  z.object({ type: z.literal("measure"), ...base, name: z.string(), value: z.number() }),
  z.object({
    type: z.literal("evidence"),
    ...base,
    kind: z.string(),
    /** Relative to the run directory. */
    path: z.string(),
  }),
  z.object({
    type: z.literal("job-ended"),
    ...base,
    attempt: z.number().int(),
    outcome,
    durationMs: z.number(),
  }),
  /** The failure of this job is listed as known (scenarios/known-failures.yaml); the outcome stays what it is. */
  z.object({
    type: z.literal("known-failure"),
    ...base,
    tracker: z.string(),
    /** Last day on which the entry counts. */
    until: z.string(),
    expired: z.boolean(),
    /** The words of the failure that matched. */
    words: z.string(),
  }),
  /** Another run makes what jobs of this one start from; it is waited for. */
  z.object({
    type: z.literal("state-waiting"),
    at: z.iso.datetime(),
    state: z.string(),
    title: z.string(),
    /** The process that makes it, and since when. */
    holder: z.string(),
  }),
  /** Something that many jobs start from is being made, with a clock of its own; its files are in `states/<state>/`. */
  z.object({
    type: z.literal("state-started"),
    at: z.iso.datetime(),
    state: z.string(),
    title: z.string(),
  }),
  z.object({
    type: z.literal("state-stage"),
    at: z.iso.datetime(),
    state: z.string(),
    stage: z.string(),
    sincePowerOnMs: z.number(),
  }),
  z.object({
    type: z.literal("state-ended"),
    at: z.iso.datetime(),
    state: z.string(),
    title: z.string(),
    outcome,
    /** Ids of the jobs that start from it. */
    jobs: z.array(z.string()).optional(),
    durationMs: z.number(),
  }),
  z.object({
    type: z.literal("run-ended"),
    at: z.iso.datetime(),
    /** Why it ended before its plan was done: interrupted, deadline. */
    stopped: z.string().optional(),
  }),
] as const;

export const runEvent = z.discriminatedUnion("type", eventSchemas);

export type RunEvent = z.infer<typeof runEvent>;
export type JobFacts = z.infer<typeof jobFacts>;
export type CellFacts = z.infer<typeof cellFacts>;
export type ShardFacts = z.infer<typeof shardFacts>;
export type ImageLayers = z.infer<typeof imageLayers>;
export type ImageFacts = z.infer<typeof imageFacts>;
export type EventOf<Type extends RunEvent["type"]> = Extract<RunEvent, { type: Type }>;

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An event before the log stamps its time. */
export type NewEvent = DistributiveOmit<RunEvent, "at">;
/** An event of a job before the stage adds time and job. */
export type JobEvent = DistributiveOmit<Extract<RunEvent, { job: string }>, "at" | "job">;
