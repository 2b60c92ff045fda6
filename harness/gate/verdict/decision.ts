/**
 * The decision as it is written (`decision.json`): the verdict, what it rests on and digests of the evidence, so that
 * the person who promotes can see that the events are still the ones that were judged.
 */
import { z } from "zod";
import { UsageError } from "../../base/errors.ts";
import { oneLine } from "../../log/clean-text.ts";
import { imageModel } from "../../log/model-schema.ts";

export const decisionVersion = 1;
export const decisionFile = "decision.json";

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const blame = z
  .enum(["image", "cannot-tell"])
  .describe("image: it is wrong; cannot-tell: nothing shows that it is right");

const requirementEntry = z.object({
  type: z
    .enum([
      "test-result-passed",
      "test-result-missing",
      "test-result-failed",
      "test-result-errored",
      "test-result-flaky",
      "deviation-not-allowed",
      "budget-exceeded",
      "budget-not-measured",
      "too-few-passed",
      "digest-not-proved",
    ])
    .describe("In Greenwave's words where it has one"),
  excuse: z
    .enum(["waived", "known", "flaky-allowed"])
    .nullable()
    .describe("Why it is satisfied although the type says otherwise"),
  because: blame.nullable(),
  scenario: z.string().nullable(),
  job: z.string().nullable(),
  image: z.string().nullable().describe("Digest of the candidate"),
  architecture: z.string().nullable(),
  firmware: z.string().nullable(),
  reason: z.string(),
});

const budgetEntry = z.object({
  name: z.string(),
  architecture: z.string(),
  firmware: z.string(),
  value: z.number().nullable().describe("The largest one measured: seconds or bytes"),
  limit: z.number().nullable(),
  median: z.number().nullable(),
  previousMedian: z.number().nullable(),
  ratio: z.number().nullable(),
  ratioLimit: z.number().nullable(),
  state: z.enum(["kept", "exceeded", "not-measured", "not-compared"]),
  note: z.string(),
});

const about = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("variant"), label: z.string() }),
    z.object({
      kind: z.literal("base"),
      name: z.string().nullable().describe("What its variants call it, where they agree"),
      digest: z.string().nullable(),
      commit: z.string().nullable().describe("The ostree commit that they are built on"),
      variants: z.array(z.string()).describe("Labels of those that are built on it, or are it"),
    }),
  ])
  .describe("Of which part of a matrix it is; left out: of all that the runs have");

const part = z.object({
  kind: z.enum(["variant", "base"]),
  name: z.string(),
  verdict: z.enum(["PROMOTE", "HOLD"]),
  because: blame.nullable(),
  reason: z.string().describe("The most telling one"),
  file: z.string().describe("Where its decision lies, from the folder of this one"),
});

export const decisionSchema = z.object({
  version: z.literal(decisionVersion),
  about: about.optional(),
  verdict: z.enum(["PROMOTE", "HOLD"]),
  because: blame.nullable().describe("null: promote"),
  reasons: z.array(z.string()).min(1).describe("One line each, the most telling first"),
  decidedAt: z.iso.datetime(),
  harness: z.string().describe("Version of the harness"),
  policy: z.object({ name: z.string(), digest: sha256 }),
  candidates: z.array(imageModel),
  machines: z
    .array(
      z.object({
        image: z.string(),
        architecture: z.string(),
        firmware: z.string(),
        machine: z.string(),
        accelerator: z.string(),
        jobs: count,
        passed: count,
      }),
    )
    .describe("What each image ran on"),
  runs: z.array(
    z.object({
      run: z.string(),
      startedAt: z.string(),
      stopped: z.string().nullable(),
      events: sha256.describe("Of the run's events.jsonl"),
    }),
  ),
  counts: z.object({
    required: count.describe("Points of the policy's matrix"),
    passed: count.describe("Required jobs that passed at first, excuses not counted"),
    flaky: count,
    failed: count,
    broken: count,
    skipped: count,
    notRun: count,
  }),
  satisfied: z.array(requirementEntry),
  unsatisfied: z.array(requirementEntry),
  waived: z.array(
    z.object({
      scenario: z.string(),
      job: z.string().nullable(),
      by: z.string(),
      until: z.string(),
      reason: z.string(),
    }),
  ),
  knownFailures: z.array(
    z.object({
      id: z.string(),
      job: z.string(),
      tracker: z.string(),
      until: z.string(),
      expired: z.boolean(),
      trueOutcome: z.enum(["failed", "broken"]),
      step: z.string().nullable(),
      words: z.string(),
    }),
  ),
  flaky: z.array(z.object({ job: z.string(), attempts: z.array(z.string()), reason: z.string() })),
  deviations: z.array(
    z.object({ id: z.string(), text: z.string(), allowed: z.boolean(), jobs: count }),
  ),
  budgets: z.array(budgetEntry),
  notes: z.array(z.string()),
  parts: z
    .array(part)
    .optional()
    .describe("Of a matrix: the decision of each variant and of each base that variants share"),
});

export type Decision = z.infer<typeof decisionSchema>;
export type About = z.infer<typeof about>;
export type DecisionPart = z.infer<typeof part>;
export type RequirementEntry = z.infer<typeof requirementEntry>;
export type BudgetEntry = z.infer<typeof budgetEntry>;
export type Blame = z.infer<typeof blame>;

/** `decision.json`. */
export const decisionText = (decision: Decision): string =>
  `${JSON.stringify(decision, null, 2)}\n`;

/** Exit code of a decision: 0 promote, 1 hold because of the image, 3 hold because we cannot tell. */
export function decisionExitCode({ verdict, because }: Decision): 0 | 1 | 3 {
  if (verdict === "PROMOTE") return 0;
  return because === "image" ? 1 : 3;
}

/** Reads a `decision.json` back; `name` is the file, for messages. Throws UsageError for anything else. */
export function parseDecision(text: string, name: string): Decision {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`'${name}' is not JSON: ${oneLine(String(error), 200)}.`, {
      cause: error,
    });
  }
  const parsed = decisionSchema.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UsageError(
      `'${name}' is not a decision of version ${decisionVersion}: ${oneLine(issue?.path.join(".") ?? "", 100)}: ${oneLine(issue?.message ?? "", 200)}.`,
    );
  }
  const { verdict, because, unsatisfied } = parsed.data;
  if ((verdict === "PROMOTE") !== (because === null && unsatisfied.length === 0)) {
    throw new UsageError(
      `'${name}' contradicts itself: ${verdict} does not follow from what it lists.`,
    );
  }
  return parsed.data;
}

/** What reports show of a decision. */
export type ShownDecision = Pick<Decision, "verdict" | "reasons"> &
  Partial<
    Pick<
      Decision,
      "because" | "unsatisfied" | "knownFailures" | "budgets" | "waived" | "notes" | "parts"
    >
  >;

/** A run directory's log as it is now. */
export interface EventsFile {
  readonly run: string;
  /** `sha256:…` of its events.jsonl. */
  readonly digest: string;
}

/** Throws UsageError when a log is not one of those that were decided on. A decision may be about more than these. */
export function verifyDecision(decision: Decision, files: readonly EventsFile[]): void {
  const judged = new Map(decision.runs.map(({ run, events }) => [run, events]));
  const wrong = files.flatMap(({ run, digest }) => {
    const was = judged.get(run);
    if (was === undefined) return [`run '${oneLine(run, 100)}' is not in the decision`];
    return was === digest
      ? []
      : [
          `the events of run '${oneLine(run, 100)}' were changed since: they were ${was} and are ${digest}`,
        ];
  });
  if (wrong.length > 0)
    throw new UsageError(`The decision does not stand on these runs:\n  - ${wrong.join("\n  - ")}`);
}

/** JSON schema of `decision.json`; kept in docs/schema/decision.schema.json. */
export function decisionJsonSchema(): string {
  const schema = z.toJSONSchema(decisionSchema, { target: "draft-2020-12" });
  return `${JSON.stringify({ title: "bootgate decision.json", ...schema }, null, 2)}\n`;
}
