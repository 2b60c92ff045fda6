/** `bootgate report`: every report again, from `events.jsonl` and, where it is given, the history of earlier runs. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { summary } from "../../../reports/summary.ts";
import { UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { jobHistories } from "../../gate/history/history-rates.ts";
import type { RunModel } from "../../log/model-schema.ts";
import { readEvents } from "../../log/read-events.ts";
import { foldRunFrom } from "../../log/run-model.ts";
import { readPast } from "../wiring/read-past.ts";
import { writeReports } from "../wiring/report-files.ts";
import { exitCodeOf } from "./run-command.ts";

export interface ReportOptions {
  /** Run directory to compare with. */
  readonly previous?: string;
  /** History file or folder. */
  readonly history?: string;
}

/**
 * Writes the reports of a run directory and returns the run's exit code. Throws UsageError when it is none, or when the
 * decision in it is damaged or about other events.
 */
export async function report(directory: string, options: ReportOptions = {}): Promise<ExitCode> {
  const model = await readRun(directory);
  const previous = options.previous === undefined ? undefined : await readRun(options.previous);
  const lines =
    options.history === undefined ? undefined : await readPast(options.history, new Date());
  const history = lines === undefined ? {} : { history: jobHistories(lines, model) };
  const { names, shown } = await writeReports(directory, model, {
    ...(previous === undefined ? {} : { previous }),
    ...history,
  });
  process.stdout.write(`${summary(shown, history)}\n`);
  process.stdout.write(`Written to ${directory}: ${names.join(", ")}\n`);
  return exitCodeOf(model);
}

async function readRun(directory: string): Promise<RunModel> {
  const path = join(directory, "events.jsonl");
  const isThere = await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
  if (!isThere) {
    throw new UsageError(`'${directory}' is not a run directory: it has no events.jsonl.`, {
      details: { example: "npm run -s bootgate -- report runs/latest" },
    });
  }
  return foldRunFrom(readEvents(path, { signal: new AbortController().signal }));
}
