/**
 * One judgement for the commands that decide. `verdict` writes what comes of it; `promote` judges once more and goes by
 * nothing else, so both must read the same files in the same way.
 */

import { UsageError } from "../../base/errors.ts";
import { harnessVersion } from "../../base/version.ts";
import { loadYaml } from "../../config/load-yaml.ts";
import { nearestWord } from "../../config/nearest.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { type LoadedScenario, suitesOf } from "../../engine/scenario.ts";
import type { KnownFailures } from "../../gate/known/known-failures.ts";
import {
  type CandidateFacts,
  checkKnown,
  checkPolicy,
  type MachineFacts,
} from "../../gate/policy/check-policy.ts";
import { defaultPolicy, type Policy, policySchema } from "../../gate/policy/policy.ts";
import { type DecidedPart, decideAll } from "../../gate/verdict/decide-all.ts";
import type { Decision } from "../../gate/verdict/decision.ts";
import type { JudgedRun } from "../../gate/verdict/gated-jobs.ts";
import { readDecision, readJudgedRun } from "../../gate/verdict/read-run.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { RunModel } from "../../log/model-schema.ts";
import { loadKnown } from "../commands/known-command.ts";
import { distinctRuns } from "./run-directories.ts";

/** What a judgement goes by, as the command line names it. */
export interface JudgeOptions {
  /** gate.yaml; without it every scenario of the suite `gate` is required. */
  readonly policy?: string;
  /** The list of known failures; without it the one that comes with the scenarios. */
  readonly known?: string;
  /** Run directory of the last promoted run. */
  readonly previous?: string;
}

export interface Judgement {
  readonly decision: Decision;
  /** Of a matrix: the decisions of its variants and their bases. */
  readonly parts: readonly DecidedPart[];
  /** Each run once, with the directory it was read from. */
  readonly runs: readonly (JudgedRun & { readonly directory: string })[];
  readonly known: KnownFailures;
  readonly previous: RunModel | null;
}

/** Reads everything again and decides. Throws UsageError for a file or a run that nothing can be decided by. */
export async function judgeRuns(
  directories: readonly string[],
  options: JudgeOptions,
  { now, signal }: { readonly now: Date; readonly signal: AbortSignal },
): Promise<Judgement> {
  const scenarios = await discoverScenarios();
  const policy = await loadPolicy(options.policy, scenarios, now);
  const { list: known, path } = await loadKnown(options.known);
  const context = contextOf(scenarios, now);
  checkKnown(known, context, `'${path}'`);
  const runs: Judgement["runs"][number][] = [];
  for (const directory of await distinctRuns(directories))
    runs.push({ directory, ...(await readJudgedRun(directory, { signal })) });
  const previous =
    options.previous === undefined ? null : await readPromoted(options.previous, signal);
  if (runs.some(({ model }) => model.run === previous?.run))
    throw new UsageError(
      `'${options.previous}' is one of the runs to judge; no run can be compared with itself.`,
    );
  const compared = previous === null ? {} : { previous };
  const { scenarios: facts } = context;
  const decided = decideAll({ runs, policy, known, ...compared, scenarios: facts, now });
  const noted = (decision: Decision): Decision => ({
    ...decision,
    notes: [...decision.notes, ...versionNotes(decision)],
  });
  return {
    decision: noted(decided.decision),
    parts: decided.parts.map((part) => ({ ...part, decision: noted(part.decision) })),
    ...{ runs, known, previous },
  };
}

const contextOf = (scenarios: readonly LoadedScenario[], now: Date) => ({
  scenarios: scenarios.map(({ id, definition: { needs, measures = [] } }) => ({
    id,
    needs,
    measures,
  })),
  now,
  nearest: (word: string, among: readonly string[]): string | null => nearestWord(word, among),
});

/**
 * The policy, checked against the scenarios; for `run` and `plan` too, before anything boots. With `images` the names of
 * images are checked as well; a verdict gives none, because an image that was not run is a hold, which says more.
 */
export async function loadPolicy(
  path: string | undefined,
  scenarios: readonly LoadedScenario[],
  now: Date,
  images: readonly CandidateFacts[] = [],
  machines: readonly MachineFacts[] = [],
): Promise<Policy> {
  const gate = scenarios.filter(({ definition }) => suitesOf(definition).includes("gate"));
  const policy =
    path === undefined
      ? defaultPolicy(gate.map(({ id }) => id))
      : await loadYaml(path, policySchema);
  const name = path === undefined ? "The built-in policy" : `'${path}'`;
  checkPolicy(policy, { ...contextOf(scenarios, now), images, machines }, name);
  return policy;
}

/** The run to compare with. That it was promoted is what the decision on this very log says; nothing else would. */
async function readPromoted(directory: string, signal: AbortSignal): Promise<RunModel> {
  const { model } = await readJudgedRun(directory, { signal });
  const decision = await readDecision(directory);
  if (decision === null)
    throw new UsageError(
      `'${directory}' was never judged, so it is not the last promoted run to compare with.`,
      { lookAt: `npm run -s bootgate -- verdict ${directory}` },
    );
  if (decision.verdict === "HOLD")
    throw new UsageError(
      `'${directory}' was held, so it is not the last promoted run to compare with.`,
      { details: { instead: "name the directory of the run that was promoted" } },
    );
  return model;
}

/** All runs of one decision are by one version. */
function versionNotes({ harness }: Decision): string[] {
  if (harness === harnessVersion) return [];
  const made = defuseCommands(oneLine(harness, 100));
  return [`the runs were made by bootgate ${made} and are judged by ${harnessVersion}`];
}
