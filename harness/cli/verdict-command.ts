/** `bootgate verdict`: promote or hold, with one reason a line, written to `decision.json` beside the evidence. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { defuseCommands, oneLine } from "../../reports/clean-text.ts";
import { type CandidateFacts, checkKnown, checkPolicy } from "../../reports/gate/check-policy.ts";
import {
  type Decision,
  decisionExitCode,
  decisionFile,
  decisionText,
} from "../../reports/gate/decision.ts";
import type { JudgedRun } from "../../reports/gate/gated-jobs.ts";
import { greenwave } from "../../reports/gate/greenwave.ts";
import type { HistoryLine } from "../../reports/gate/history.ts";
import { readHistory } from "../../reports/gate/history-file.ts";
import { jobHistories } from "../../reports/gate/history-rates.ts";
import { countKnown } from "../../reports/gate/known-counts.ts";
import type { KnownFailures } from "../../reports/gate/known-failures.ts";
import { defaultPolicy, type Policy, policySchema } from "../../reports/gate/policy.ts";
import { readDecision, readJudgedRun } from "../../reports/gate/read-run.ts";
import { decide } from "../../reports/gate/verdict.ts";
import type { RunModel } from "../../reports/model-schema.ts";
import { UsageError } from "../base/errors.ts";
import { shortDigest } from "../base/units.ts";
import type { ExitCode } from "../cli.ts";
import { loadYaml } from "../config/load-yaml.ts";
import { nearestWord } from "../config/nearest.ts";
import { discoverScenarios } from "../discover.ts";
import type { LoadedScenario } from "../scenario.ts";
import { loadKnown } from "./known-command.ts";
import { writeReports } from "./report-files.ts";
import { distinctRuns } from "./run-directories.ts";

export interface VerdictOptions {
  /** gate.yaml; without it every scenario of the suite `gate` is required. */
  readonly policy?: string;
  /** The list of known failures; without it the one that comes with the scenarios. */
  readonly known?: string;
  /** History file or folder, to tell which known failures are stale, and for the reports. */
  readonly history?: string;
  /** Run directory of the last promoted run. */
  readonly previous?: string;
  /** Where to write: a folder or a `.json` file; the first run directory unless told. */
  readonly out?: string;
  /** Print the decision as JSON. */
  readonly json?: boolean;
}

/** Decides on runs, writes the decision and returns 0 promote, 1 hold (image), 3 hold (cannot tell). UsageError is 2. */
export async function verdict(
  runDirectories: readonly string[],
  options: VerdictOptions,
): Promise<ExitCode> {
  const first = runDirectories[0];
  if (first === undefined)
    throw new UsageError("No run was named.", {
      details: { example: "npm run -s bootgate -- verdict runs/latest" },
    });
  const now = new Date();
  const { signal } = new AbortController();
  const scenarios = await discoverScenarios();
  const policy = await loadPolicy(options.policy, scenarios, now);
  const known = await loadKnown(options.known);
  checkKnown(known.list, contextOf(scenarios, now), `'${known.path}'`);
  const runs: JudgedRun[] = [];
  for (const directory of await distinctRuns(runDirectories))
    runs.push(await readJudgedRun(directory, { signal }));
  const previous = options.previous === undefined ? null : await readPromoted(options.previous);
  if (runs.some(({ model }) => model.run === previous?.run))
    throw new UsageError(
      `'${options.previous}' is one of the runs to judge; no run can be compared with itself.`,
    );
  const decided = decide({
    runs,
    policy,
    known: known.list,
    ...(previous === null ? {} : { previous }),
    now,
  });
  const history = options.history === undefined ? [] : (await readHistory(options.history)).lines;
  const stale = options.history === undefined ? [] : staleNotes(known.list, runs, history, now);
  const decision = { ...decided, notes: [...decided.notes, ...stale] };
  const path = await writeDecision(decision, options.out ?? first);
  // The page of the run begins with its verdict from now on.
  const [only] = runs;
  if (options.out === undefined && runs.length === 1 && only !== undefined) {
    await writeReports(first, only.model, { history: jobHistories(history, only.model) });
  }
  process.stdout.write(
    options.json === true ? decisionText(decision) : verdictText(decision, path),
  );
  return decisionExitCode(decision);
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
): Promise<Policy> {
  const gate = scenarios.filter(({ definition }) =>
    (definition.suites ?? ["gate", "full"]).includes("gate"),
  );
  const policy =
    path === undefined
      ? defaultPolicy(gate.map(({ id }) => id))
      : await loadYaml(path, policySchema);
  const name = path === undefined ? "The built-in policy" : `'${path}'`;
  checkPolicy(policy, { ...contextOf(scenarios, now), images }, name);
  return policy;
}

async function readPromoted(directory: string): Promise<RunModel> {
  const { signal } = new AbortController();
  const { model } = await readJudgedRun(directory, { signal });
  const decision = await readDecision(directory);
  if (decision?.verdict === "HOLD")
    throw new UsageError(
      `'${directory}' was held, so it is not the last promoted run to compare with.`,
    );
  return model;
}

function staleNotes(
  known: KnownFailures,
  runs: readonly JudgedRun[],
  history: readonly HistoryLine[],
  now: Date,
): string[] {
  const counts = countKnown({ known, history, runs: runs.map(({ model }) => model), now });
  return counts
    .filter(({ state }) => state === "stale")
    .map(({ entry, runsSince }) =>
      oneLine(
        `stale: the known failure of ${entry.scenario} (${entry.tracker}) matched nothing in ${runsSince} runs`,
      ),
    );
}

/** Written beside its place and renamed: a half decision must not be found. */
async function writeDecision(decision: Decision, out: string): Promise<string> {
  const path = out.endsWith(".json") ? out : join(out, decisionFile);
  await mkdir(dirname(resolve(path)), { recursive: true });
  const files = [
    [path, decisionText(decision)],
    [join(dirname(path), "greenwave.json"), greenwave(decision)],
  ] as const;
  for (const [file, content] of files) {
    await writeFile(`${file}.part`, content);
    await rename(`${file}.part`, file);
  }
  return path;
}

/** `PROMOTE …` or `HOLD: …`, then one reason a line. */
export function verdictText(decision: Decision, path: string): string {
  const [first = "", ...others] = decision.reasons;
  const images = decision.candidates
    .map(({ name, digest }) => `${oneLine(name, 100)} ${shortDigest(digest)}`)
    .join(", ");
  const head = decision.verdict === "PROMOTE" ? `PROMOTE ${images}: ${first}` : `HOLD: ${first}`;
  const lines = [
    head,
    ...others.map((reason) => `  ${reason}`),
    ...decision.notes.map((note) => `  note: ${note}`),
    `Decision: ${path}`,
  ];
  return `${defuseCommands(lines.join("\n"))}\n`;
}
