/** The history for commands that only read it. What is wrong with it is said: silence would pass for a clean record. */
import { stat } from "node:fs/promises";
import { UsageError } from "../../base/errors.ts";
import { type HistoryLine, untilNow } from "../../gate/history/history.ts";
import { readHistory } from "../../gate/history/history-file.ts";

/** Reads all, whenever it says it was written. */
const endOfTime = new Date(8.64e15);

/**
 * The lines until now. Says on stderr that there is none yet, which is so for the first run of a pipeline, and how many
 * lines are damaged. Throws UsageError for a file that holds something else.
 */
export async function readPast(path: string, now: Date): Promise<HistoryLine[]> {
  const isMissing = await stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
  const { lines, damaged } = await readHistory(path, { now: endOfTime });
  if (isMissing) process.stderr.write(`The history '${path}' does not exist yet.\n`);
  if (lines.length === 0 && damaged > 0)
    throw new UsageError(`'${path}' is not a history: none of its lines belongs to one.`, {
      details: { expected: "what 'bootgate run --history' writes, a line a job" },
    });
  if (damaged > 0)
    process.stderr.write(
      `${damaged} ${damaged === 1 ? "line" : "lines"} of the history '${path}' could not be read and ${damaged === 1 ? "is" : "are"} not counted.\n`,
    );
  return untilNow(lines, now);
}
