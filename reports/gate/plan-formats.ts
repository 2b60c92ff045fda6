/**
 * The fan-out of a plan in the words of each CI: a matrix for GitHub and Forgejo, a child pipeline for GitLab, a matrix
 * task for Tekton. Pure text; the shards themselves are computed again by `run --shard i/n` on each host.
 */
import { stringify } from "yaml";
import { UsageError } from "../../harness/base/errors.ts";
import { quoteArgument } from "../../harness/base/quote.ts";

export const planFormats = ["github", "gitlab", "forgejo", "tekton"] as const;
export type PlanFormat = (typeof planFormats)[number];

export interface FanOut {
  readonly shards: readonly {
    readonly jobs: readonly { readonly id: string }[];
    readonly expectedMs: number;
  }[];
  /** The words after `bootgate run`, unquoted: `--candidate`, `reference:v2`, … */
  readonly runWords: readonly string[];
  /** The words after `bootgate verdict RUN`. */
  readonly verdictWords: readonly string[];
}

/** The text for a CI; ends in a line end. Throws UsageError when there is nothing to run or a word cannot be carried. */
export function formatPlan(format: PlanFormat, fanOut: FanOut): string {
  if (fanOut.shards.length === 0) throw new UsageError("There is no job to fan out.");
  switch (format) {
    case "github":
    case "forgejo":
      return `${JSON.stringify({ include: fanOut.shards.map((_, place) => matrixRow(fanOut, place)) })}\n`;
    case "gitlab":
      return gitlab(fanOut);
    case "tekton":
      return tekton(fanOut);
    default:
      return format satisfies never;
  }
}

const shardWord = ({ shards }: FanOut, place: number): string => `${place + 1}/${shards.length}`;

/** One line of JSON for `fromJSON(needs.plan.outputs.matrix)`; read by `matrix.shard` and the like. */
function matrixRow(fanOut: FanOut, place: number): Record<string, string | number> {
  const shard = fanOut.shards[place];
  return {
    shard: shardWord(fanOut, place),
    // Artifact names must not have a slash.
    name: `${place + 1}-of-${fanOut.shards.length}`,
    jobs: shard?.jobs.length ?? 0,
    expectedMinutes: Math.ceil((shard?.expectedMs ?? 0) / 60_000),
  };
}

const bootgate = "npm run -s bootgate --";
const commandLine = (words: readonly string[]): string => words.map(quoteArgument).join(" ");

/**
 * docs.gitlab.com/ci/yaml: `parallel:matrix`. The verdict decides: it runs also when a shard was red, and a shard's exit
 * codes 1 and 3 do not make the pipeline red, since the policy may excuse what they stand for.
 */
function gitlab(fanOut: FanOut): string {
  const { runWords, verdictWords } = fanOut;
  return stringify(
    {
      stages: ["boot", "verdict"],
      bootgate: {
        stage: "boot",
        parallel: {
          matrix: [{ SHARD: fanOut.shards.map((_, place) => shardWord(fanOut, place)) }],
        },
        script: [`${bootgate} run ${commandLine(runWords)} --shard "$SHARD" --out runs`],
        allow_failure: { exit_codes: [1, 3] },
        artifacts: {
          when: "always",
          paths: ["runs/"],
          reports: { junit: "runs/*/junit.xml" },
        },
      },
      "bootgate-verdict": {
        stage: "verdict",
        when: "always",
        needs: [{ job: "bootgate", artifacts: true }],
        script: [
          `${bootgate} merge runs/* --out merged || true`,
          `${bootgate} verdict merged/* ${commandLine(verdictWords)}`.trimEnd(),
        ],
        artifacts: { when: "always", paths: ["merged/"] },
      },
    },
    { lineWidth: 0 },
  );
}

/** tekton.dev/docs/pipelines/matrix: one PipelineTask, a TaskRun for each value. A Task by name gets no workspace unless told. */
function tekton(fanOut: FanOut): string {
  const substituted = fanOut.runWords.find((word) => word.includes("$("));
  if (substituted !== undefined)
    throw new UsageError(`Tekton would substitute '$(' in '${substituted.slice(0, 200)}'.`);
  return stringify(
    {
      name: "bootgate",
      taskRef: { name: "bootgate" },
      params: [{ name: "arguments", value: [...fanOut.runWords] }],
      workspaces: [{ name: "runs", workspace: "runs" }],
      matrix: {
        params: [
          { name: "shard", value: fanOut.shards.map((_, place) => shardWord(fanOut, place)) },
        ],
      },
    },
    { lineWidth: 0 },
  );
}
