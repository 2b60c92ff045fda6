/** `bootgate verdict`: promote or hold, with one reason a line, written to `decision.json` beside the evidence. */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { partLines } from "../../../reports/part-lines.ts";
import { HostUnfit, messageOf, UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { shortDigest } from "../../base/units.ts";
import { writeWhole } from "../../base/write-whole.ts";
import type { HistoryLine } from "../../gate/history/history.ts";
import { jobHistories } from "../../gate/history/history-rates.ts";
import { countKnown } from "../../gate/known/known-counts.ts";
import {
  type Decision,
  decisionExitCode,
  decisionFile,
  decisionText,
} from "../../gate/verdict/decision.ts";
import { greenwave } from "../../gate/verdict/greenwave.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import { tell } from "../terminal/endings.ts";
import { requireFolder } from "../terminal/out-folder.ts";
import { type Judgement, type JudgeOptions, judgeRuns } from "../wiring/judge-runs.ts";
import { readPast } from "../wiring/read-past.ts";
import { writeReports } from "../wiring/report-files.ts";
import { greenwaveFile, writeParts } from "../wiring/write-parts.ts";

export interface VerdictOptions extends JudgeOptions {
  /** History file or folder, to tell which known failures are stale, and for the reports. */
  readonly history?: string;
  /** Where to write instead of every run directory: a folder or a `.json` file. */
  readonly out?: string;
  /** Print the decision as JSON. */
  readonly json?: boolean;
}

/** Decides on runs, writes the decision and returns 0 promote, 1 hold (image), 3 hold (cannot tell). UsageError is 2. */
export async function verdict(
  runDirectories: readonly string[],
  options: VerdictOptions,
): Promise<ExitCode> {
  if (runDirectories.length === 0)
    throw new UsageError("No run was named.", {
      details: { example: "npm run -s bootgate -- verdict runs/latest" },
    });
  const out = options.out === undefined ? null : await placeOf(options.out);
  const now = new Date();
  const { signal } = new AbortController();
  const judgement = await judgeRuns(runDirectories, options, { now, signal });
  const past = options.history === undefined ? null : await readPast(options.history, now);
  const stale = past === null ? [] : staleNotes(judgement, past, now);
  const decision = {
    ...judgement.decision,
    notes: [...judgement.decision.notes, ...stale],
  };
  const paths =
    out === null ? judgement.runs.map(({ directory }) => join(directory, decisionFile)) : [out];
  if (out !== null) await makeOut(out, judgement);
  else for (const path of paths) await requireWritable(path);
  for (const path of paths) {
    await writeParts(judgement.parts, dirname(path), writeDecision);
    await writeDecision(decision, path);
  }
  process.stdout.write(
    options.json === true ? decisionText(decision) : verdictText(decision, paths.join(", ")),
  );
  // The verdict is told and written; a page that cannot be renewed makes it no other.
  if (out === null)
    await renewReports(judgement, past).catch((error: unknown) => tell(wordsOf(error)));
  return decisionExitCode(decision);
}

/** The page of each run begins with the verdict from now on, and compares with the run that the verdict compared with. */
async function renewReports(
  { runs, previous }: Judgement,
  past: readonly HistoryLine[] | null,
): Promise<void> {
  for (const { directory, model } of runs)
    await writeReports(directory, model, {
      ...(previous === null ? {} : { previous }),
      ...(past === null ? {} : { history: jobHistories(past, model) }),
    });
}

function staleNotes(
  { known, runs }: Judgement,
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

/** The file that `--out` means. Throws UsageError, before anything is judged, where there can be none. */
async function placeOf(out: string): Promise<string> {
  const path = out.endsWith(".json") ? out : join(out, decisionFile);
  await requireFolder(resolve(dirname(path)), (reason) => unusableOut(out, reason));
  const facts = await stat(path).catch(() => null);
  if (facts?.isDirectory() === true)
    throw unusableOut(out, new Error(`'${path}' is a folder, expected a file`));
  if (basename(path) === greenwaveFile)
    throw unusableOut(
      out,
      new Error(`'${greenwaveFile}' is Greenwave's answer, written beside it`),
    );
  return path;
}

/** A run directory that was not judged keeps its own decision. */
async function makeOut(path: string, { runs }: Judgement): Promise<void> {
  const folder = resolve(dirname(path));
  await makeFolder(folder).catch((reason: unknown) => {
    throw unusableOut(path, reason);
  });
  const judged = await Promise.all(runs.map(({ directory }) => realpath(directory)));
  const isRun = await stat(join(folder, "events.jsonl")).catch(() => null);
  if (isRun !== null && !judged.includes(await realpath(folder)))
    throw unusableOut(path, new Error(`'${folder}' is the directory of a run that was not judged`));
}

/** Asked of all before the first is written. */
async function requireWritable(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
}

const unusableOut = (out: string, reason: unknown): UsageError =>
  new UsageError(`The decision cannot be written to '${out}': ${wordsOf(reason)}.`, {
    cause: reason,
    details: { expected: "a folder or a file that ends in .json" },
  });

const wordsOf = (reason: unknown): string => messageOf(reason);

/** A half decision must not be found. */
async function writeDecision(decision: Decision, path: string): Promise<void> {
  const files = [
    [path, decisionText(decision)],
    [join(dirname(path), greenwaveFile), greenwave(decision)],
  ] as const;
  for (const [file, content] of files)
    await writeWhole(file, content).catch((cause: unknown) => {
      throw unwritable(file, cause);
    });
}

const unwritable = (path: string, cause: unknown): HostUnfit =>
  new HostUnfit(`'${path}' cannot be written: ${wordsOf(cause)}.`, {
    cause,
    details: { instead: "--out names a folder that can be written to" },
  });

/** More variants than a person reads in a terminal; the file has them all. */
const maxParts = 50;

/** A line for each variant and base of a matrix. */
function lastLines(decision: Decision): string[] {
  const all = partLines(decision);
  const shown = all.slice(0, maxParts).map((line) => `  ${line}`);
  const rest = all.length - shown.length;
  return rest > 0 ? [...shown, `  ${rest} more are in the decision`] : shown;
}

/** `PROMOTE …` or `HOLD: …`, then one reason a line, and of a matrix a line for each variant and base. */
export function verdictText(decision: Decision, path: string): string {
  const [first = "", ...others] = decision.reasons;
  const images = decision.candidates
    .map(({ name, digest }) => `${oneLine(name, 100)} ${shortDigest(digest)}`)
    .join(", ");
  const head = decision.verdict === "PROMOTE" ? `PROMOTE ${images}: ${first}` : `HOLD: ${first}`;
  const lines = [
    head,
    ...others.map((reason) => `  ${reason}`),
    ...lastLines(decision),
    ...decision.notes.map((note) => `  note: ${note}`),
    `Decision: ${path}`,
  ];
  return `${defuseCommands(lines.join("\n"))}\n`;
}
