/**
 * Whether a decision stands on its evidence. A decision is a file that anybody on the runner could have written, so
 * before a tag moves its runs are judged once more, now, by the files that the command line names. What the file says
 * is only compared with that; what is recorded is the fresh decision.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../../base/errors.ts";
import { hashFile } from "../../base/hash-file.ts";
import { type Decision, decisionText, parseDecision } from "../../gate/verdict/decision.ts";
import { oneLine } from "../../log/clean-text.ts";
import { type Judgement, type JudgeOptions, judgeRuns } from "./judge-runs.ts";

export interface EvidenceOptions extends JudgeOptions {
  /** Run directories that lie neither in the decision's folder nor next to it. */
  readonly runs?: readonly string[];
}

/**
 * The decision as it is made now, of the logs that `told` is about. They are looked for in its own folder, in the folders
 * next to it and in those of `options`. A HOLD is returned as it is; throws UsageError for a log that is missing or
 * changed, for another policy, and for a PROMOTE that says anything else than `told`.
 */
export async function checkEvidence(
  told: Decision,
  path: string,
  options: EvidenceOptions,
  signal: AbortSignal,
): Promise<Decision> {
  const { wrong, logs } = await compareLogs(told, folderOf(told, path), options, signal);
  const directories = logs.map(({ directory }) => directory);
  if (wrong.length === 0) {
    const judgement = await judgeRuns(directories, options, { now: new Date(), signal });
    const decision = partAbout(told, judgement) ?? judgement.decision;
    if (!isDeepStrictEqual(told.about, decision.about))
      wrong.push("its runs do not have the variant that it is about");
    wrong.push(...otherPolicy(told, decision));
    if (wrong.length === 0 && decision.verdict === "PROMOTE")
      wrong.push(...differences(told, decision));
    if (wrong.length === 0) return decision;
  }
  throw new UsageError(`The decision '${path}' does not stand on its evidence.`, {
    details: {
      reason: wrong.join("\n"),
      decided: told.decidedAt,
      repair: "decide again, with the same --policy, --known and --previous as here",
    },
    lookAt: `npm run -s bootgate -- verdict ${dirname(path)}`,
  });
}

/** What was judged now of the part that a decision is about; undefined: it is about all, or the runs have no such part. */
const partAbout = ({ about }: Decision, { parts }: Judgement): Decision | undefined =>
  about === undefined
    ? undefined
    : parts.find(({ decision }) => isDeepStrictEqual(decision.about, about))?.decision;

/** The folder whose log a decision is about: that of a variant lies three folders below its run's. */
const folderOf = ({ about }: Decision, path: string): string => {
  const own = dirname(resolve(path));
  return about === undefined ? own : join(own, "..", "..", "..");
};

interface FoundLog {
  readonly directory: string;
  readonly digest: string;
}

async function compareLogs(
  decision: Decision,
  folder: string,
  { runs = [] }: Pick<EvidenceOptions, "runs">,
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
    wrong.push(`the events are ${own.digest}, and events with another digest were judged`);
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
  return facts?.isFile() === true ? { directory, digest: await hashFile(path, signal) } : null;
}

function otherPolicy({ policy }: Decision, fresh: Decision): string[] {
  if (policy.digest === fresh.policy.digest) return [];
  return [
    `it was made by the policy '${oneLine(policy.name, 100)}' (${policy.digest}), this one is ${fresh.policy.digest}; --policy names it`,
  ];
}

/** What two decisions on the same logs by the same files may say differently. Notes decide nothing, and each part has a decision of its own. */
const mayDiffer: readonly string[] = ["decidedAt", "notes", "parts"] satisfies (keyof Decision)[];
const singular: readonly string[] = [
  "version",
  "verdict",
  "because",
  "harness",
  "policy",
] satisfies (keyof Decision)[];
const words: Readonly<Partial<Record<string, string>>> = {
  satisfied: "satisfied requirements",
  unsatisfied: "unsatisfied requirements",
  waived: "waivers",
  knownFailures: "known failures",
  flaky: "flaky jobs",
} satisfies Partial<Record<keyof Decision, string>>;
const hints: Readonly<Partial<Record<string, string>>> = {
  budgets: "; --previous names the last promoted run",
  knownFailures: "; --known names the list of known failures, and an excuse may have ended since",
  waived: "; an excuse may have ended since",
} satisfies Partial<Record<keyof Decision, string>>;

/** The fields that the file does not have from its runs, each in a clause. */
function differences(told: Decision, decision: Decision): string[] {
  // As it would be read back, so that what JSON cannot say is not a difference.
  const fresh = parseDecision(decisionText(decision), "the fresh decision");
  const here = new Map<string, unknown>(Object.entries(told));
  return Object.entries(fresh).flatMap(([field, value]) => {
    if (mayDiffer.includes(field) || isDeepStrictEqual(here.get(field), value)) return [];
    const verb = singular.includes(field) ? "is not that" : "are not those";
    return [`its ${words[field] ?? field} ${verb} of the runs${hints[field] ?? ""}`];
  });
}
