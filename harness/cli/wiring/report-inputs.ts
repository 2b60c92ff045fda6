/**
 * What reports show beside the events: the decision, the end of consoles and the screenshots, read from the run directory
 * with limits. The directory may come from another host and name or hold anything, so only regular files inside it are
 * read, and a decision is shown only when it is about the very events that the reports are made from.
 */
import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { join } from "node:path";
import { consoleExcerpt, fatalLineNumber } from "../../../reports/console-excerpt.ts";
import type { ConsoleExcerpt, ReportInputs } from "../../../reports/inputs.ts";
import { UsageError } from "../../base/errors.ts";
import { hashFile } from "../../base/hash-file.ts";
import { type Decision, decisionFile, verifyDecision } from "../../gate/verdict/decision.ts";
import { readDecision } from "../../gate/verdict/read-run.ts";
import { isInside } from "../../log/evidence-path.ts";
import type { RunModel } from "../../log/model-schema.ts";

/** Pictures larger than this are left out: a page has to stay readable on a phone. */
const maxPictureBytes = 2 * 1024 * 1024;
/** As much of one console is read, and of all together: a file may say that it has a terabyte. */
const maxConsoleBytes = 256 * 1024 * 1024;
const maxAllConsolesBytes = 2 * 1024 * 1024 * 1024;

/**
 * Reads what the events name as evidence; what is missing or lies outside the run directory is left out. Throws
 * UsageError for a decision that is damaged or about other events.
 */
export async function loadReportInputs(directory: string, model: RunModel): Promise<ReportInputs> {
  const decision = await decisionOn(directory, model.run);
  const root = await realpath(directory);
  const consoles = new Map<string, ConsoleExcerpt>();
  const screenshots = new Map<string, string>();
  let room = maxAllConsolesBytes;
  const attempts = model.jobs.flatMap((job) => job.attempts);
  for (const { evidence, outcome } of attempts) {
    const error = outcome.kind === "failed" || outcome.kind === "broken" ? outcome.error : null;
    for (const { kind, path } of evidence) {
      if (kind !== "console" && kind !== "screenshot") continue;
      await using file = await openEvidence(root, path);
      if (file === null) continue;
      const { size } = await file.stat();
      if (kind === "console" && room > 0) {
        // The excerpt is around the line that ended the boot, where the error names one in this console.
        const isNamed = error?.message.includes(path) === true;
        const around = isNamed ? fatalLineNumber(error) : null;
        room -= Math.min(size, maxConsoleBytes);
        const excerpt = await readExcerpt(file, around).catch(() => null);
        if (excerpt !== null) consoles.set(path, excerpt);
      }
      if (kind === "screenshot" && size <= maxPictureBytes) {
        const picture = (await file.readFile()).toString("base64");
        screenshots.set(path, `data:image/png;base64,${picture}`);
      }
    }
  }
  return { consoles, screenshots, ...(decision === null ? {} : { decision }) };
}

/** The decision in a run directory, null where there is none. */
async function decisionOn(directory: string, run: string): Promise<Decision | null> {
  try {
    const decision = await readDecision(directory);
    if (decision === null) return null;
    const log = join(directory, "events.jsonl");
    const digest = await hashFile(log, new AbortController().signal);
    verifyDecision(decision, [{ run, digest }]);
    return decision;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const path = join(directory, decisionFile);
    throw new UsageError(`No report can show the decision '${path}'. ${error.message}`, {
      details: {
        repair: `remove it, then decide again: npm run -s bootgate -- verdict ${directory}`,
      },
      cause: error,
    });
  }
}

/**
 * Opens a regular file of the run directory, null for anything else. `root` is a real path: where a link is on the way the
 * real path is another one, and a pipe or a device must neither be waited for nor be read without end.
 */
async function openEvidence(root: string, path: string): Promise<FileHandle | null> {
  if (!isInside(path)) return null;
  const whole = join(root, path);
  const real = await realpath(whole).catch(() => null);
  if (real !== whole) return null;
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(whole, flags).catch(() => null);
  if (file === null || (await file.stat()).isFile()) return file;
  await file.close();
  return null;
}

const readExcerpt = (file: FileHandle, around: number | null): Promise<ConsoleExcerpt> => {
  const chunks = file.createReadStream({ autoClose: false, start: 0, end: maxConsoleBytes - 1 });
  return consoleExcerpt(chunks, around === null ? {} : { around });
};
