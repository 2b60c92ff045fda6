/**
 * Whether a decision stands on its evidence. A decision is a file that anybody on the runner could have written, so
 * before a tag moves its runs are judged once more: by the same policy, from the logs, as of the time it was made.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { oneLine } from "../../reports/clean-text.ts";
import type { Decision } from "../../reports/gate/decision.ts";
import type { JudgedRun } from "../../reports/gate/gated-jobs.ts";
import { type Policy, policyDigest } from "../../reports/gate/policy.ts";
import { digestOf } from "../../reports/gate/read-run.ts";
import { decide } from "../../reports/gate/verdict.ts";
import { readEvents } from "../../reports/read-events.ts";
import { foldRunFrom } from "../../reports/run-model.ts";
import { UsageError } from "../base/errors.ts";
import { discoverScenarios } from "../discover.ts";
import { loadKnown } from "./known-command.ts";
import { loadPolicy } from "./verdict-command.ts";

export interface EvidenceOptions {
  /** The policy of the decision; the built-in one unless told. */
  readonly policy?: string;
  /** The list of known failures of the decision; the built-in one unless told. */
  readonly known?: string;
  /** Run directories that lie neither in the decision's folder nor next to it. */
  readonly runs?: readonly string[];
}

/**
 * Finds the logs that the decision is about in its own folder, in the folders next to it and in those of `options`,
 * and sees that they are unchanged and still give PROMOTE for the same images. Throws UsageError for what does not.
 */
export async function checkEvidence(
  decision: Decision,
  path: string,
  options: EvidenceOptions,
  signal: AbortSignal,
): Promise<void> {
  const { wrong, logs } = await compareLogs(decision, dirname(resolve(path)), options, signal);
  if (wrong.length === 0) wrong.push(...(await judgeAgain(decision, logs, options, signal)));
  if (wrong.length === 0) return;
  throw new UsageError(`The decision '${path}' does not stand on its evidence.`, {
    details: { reason: wrong.join("\n"), decided: decision.decidedAt },
    lookAt: `npm run -s bootgate -- verdict ${dirname(path)}`,
  });
}

interface FoundLog {
  readonly path: string;
  readonly digest: string;
}

async function compareLogs(
  decision: Decision,
  folder: string,
  { runs = [] }: EvidenceOptions,
  signal: AbortSignal,
): Promise<{ readonly wrong: string[]; readonly logs: FoundLog[] }> {
  const wrong: string[] = [];
  const logs: FoundLog[] = [];
  const own = await logIn(folder, signal);
  const named = (await Promise.all(runs.map((run) => logIn(resolve(run), signal)))).filter(
    (log) => log !== null,
  );
  const judged = new Set(decision.runs.map(({ events }) => events));
  if (own !== null && !judged.has(own.digest))
    wrong.push(`the events are ${own.digest}, which is none of those that were judged`);
  for (const { run, events } of decision.runs) {
    const name = oneLine(run, 100);
    // The name comes out of the file, so it must be no path.
    const isName = basename(run) === run && !run.startsWith(".");
    const beside = isName ? await logIn(join(dirname(folder), run), signal) : null;
    const log = [own, ...named, beside].find((one) => one?.digest === events) ?? beside;
    if (log === null)
      wrong.push(`the events of run '${name}' are not at hand; --runs names its directory`);
    else if (log.digest !== events) wrong.push(`the events of run '${name}' were changed`);
    else logs.push(log);
  }
  return { wrong, logs };
}

async function logIn(directory: string, signal: AbortSignal): Promise<FoundLog | null> {
  const path = join(directory, "events.jsonl");
  const facts = await stat(path).catch(() => null);
  return facts?.isFile() === true ? { path, digest: await digestOf(path, signal) } : null;
}

/** What a second judgement says against a PROMOTE. Ratios are left out: the run that they look back to is not at hand. */
async function judgeAgain(
  decision: Decision,
  logs: readonly FoundLog[],
  options: EvidenceOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const now = new Date(decision.decidedAt);
  const policy = await loadPolicy(options.policy, await discoverScenarios(), now);
  if (policyDigest(policy) !== decision.policy.digest)
    return [
      `it was made by the policy '${decision.policy.name}' (${decision.policy.digest}), this one is ${policyDigest(policy)}; --policy names it`,
    ];
  const runs: JudgedRun[] = [];
  for (const { path, digest } of logs)
    runs.push({ model: await foldRunFrom(readEvents(path, { signal })), eventsDigest: digest });
  const { list } = await loadKnown(options.known);
  const again = decide({ runs, policy: withoutRatios(policy), known: list, now });
  if (again.verdict === "HOLD")
    return again.reasons.map((reason) => `judged again they hold: ${reason}`);
  const images = ({ candidates }: Decision): string =>
    candidates
      .map(({ digest }) => digest)
      .sort()
      .join(", ");
  return images(again) === images(decision)
    ? []
    : [`the runs tested ${images(again)} and the decision names ${images(decision)}`];
}

const withoutRatios = (policy: Policy): Policy => ({
  ...policy,
  budgets: Object.fromEntries(
    Object.entries(policy.budgets).map(([name, budget]) => [name, { ...budget, ratio: undefined }]),
  ),
});
