/**
 * The fan-out of a plan in the words of each CI: a matrix for GitHub and Forgejo, a child pipeline for GitLab, a matrix
 * task and the verdict's task for Tekton. Pure text; the shards themselves are computed again by `run --shard i/n` on each host.
 */
import { stringify } from "yaml";
import { UsageError } from "../../base/errors.ts";
import { quoteArgument } from "../../base/quote.ts";

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

/** Whether the text holds the command lines of the runs and of the verdict; a matrix leaves them to the workflow. */
export const carriesWords = (format: PlanFormat): boolean =>
  format === "gitlab" || format === "tekton";

/** The text for a CI; ends in a line end. Throws UsageError when there is nothing to run or a word cannot be carried. */
export function formatPlan(format: PlanFormat, fanOut: FanOut): string {
  if (fanOut.shards.length === 0) throw new UsageError("The plan does not have a job to fan out.");
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

/** Run directories begin with their date. The link `latest`, through which each would be met twice, does not. */
const runDirectories = "runs/[0-9]*";

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
          paths: [runDirectories],
          reports: { junit: `${runDirectories}/junit.xml` },
        },
      },
      "bootgate-verdict": {
        stage: "verdict",
        when: "always",
        needs: [{ job: "bootgate", artifacts: true }],
        script: [
          `${bootgate} merge ${runDirectories} --out merged || true`,
          `${bootgate} verdict merged/* ${commandLine(verdictWords)}`.trimEnd(),
        ],
        artifacts: { when: "always", paths: ["merged/"] },
      },
    },
    { lineWidth: 0 },
  );
}

/**
 * tekton.dev/docs/pipelines/matrix: one PipelineTask with a TaskRun for each value, and one that waits for all of them.
 * A Task by name gets no workspace unless told.
 */
function tekton(fanOut: FanOut): string {
  const { runWords, verdictWords } = fanOut;
  const substituted = [...runWords, ...verdictWords].find((word) => word.includes("$("));
  if (substituted !== undefined)
    throw new UsageError(`Tekton would substitute '$(' in '${substituted.slice(0, 200)}'.`);
  const workspaces = (): object[] => [{ name: "runs", workspace: "runs" }];
  return stringify(
    [
      {
        name: "bootgate",
        taskRef: { name: "bootgate" },
        params: [{ name: "arguments", value: [...runWords] }],
        workspaces: workspaces(),
        matrix: {
          params: [
            { name: "shard", value: fanOut.shards.map((_, place) => shardWord(fanOut, place)) },
          ],
        },
      },
      {
        name: "bootgate-verdict",
        taskRef: { name: "bootgate-verdict" },
        runAfter: ["bootgate"],
        params: [{ name: "arguments", value: [...verdictWords] }],
        workspaces: workspaces(),
      },
    ],
    { lineWidth: 0 },
  );
}
