/** What reports show beside the events: the end of consoles and the screenshots, read from the run directory with limits. */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join, normalize } from "node:path";
import { consoleExcerpt, fatalLineNumber } from "../../reports/console-excerpt.ts";
import { readDecision } from "../../reports/gate/read-run.ts";
import type { ConsoleExcerpt, ReportInputs } from "../../reports/inputs.ts";
import type { RunModel } from "../../reports/model-schema.ts";

/** Pictures larger than this are left out: a page has to stay readable on a phone. */
const maxPictureBytes = 2 * 1024 * 1024;

/** Reads what the events name as evidence; what is missing or lies outside the run directory is left out. */
export async function loadReportInputs(directory: string, model: RunModel): Promise<ReportInputs> {
  const consoles = new Map<string, ConsoleExcerpt>();
  const screenshots = new Map<string, string>();
  const attempts = model.jobs.flatMap((job) => job.attempts);
  for (const { evidence, outcome } of attempts) {
    const error = outcome.kind === "failed" || outcome.kind === "broken" ? outcome.error : null;
    for (const { kind, path } of evidence) {
      if (normalize(path) !== path || path.startsWith("..") || path.startsWith("/")) continue;
      if (kind === "console") {
        // The excerpt is around the line that ended the boot, where the error names one in this console.
        const isNamed = error?.message.includes(path) === true;
        const around = isNamed ? fatalLineNumber(error) : null;
        const excerpt = await readExcerpt(join(directory, path), around);
        if (excerpt !== null) consoles.set(path, excerpt);
      }
      if (kind === "screenshot") {
        const picture = await readPicture(join(directory, path));
        if (picture !== null) screenshots.set(path, picture);
      }
    }
  }
  const decision = await readDecision(directory).catch(() => null);
  return { consoles, screenshots, ...(decision === null ? {} : { decision }) };
}

async function readExcerpt(path: string, around: number | null): Promise<ConsoleExcerpt | null> {
  return consoleExcerpt(createReadStream(path), around === null ? {} : { around }).catch(
    () => null,
  );
}

async function readPicture(path: string): Promise<string | null> {
  const size = await stat(path).then(
    (entry) => (entry.isFile() ? entry.size : Number.POSITIVE_INFINITY),
    () => Number.POSITIVE_INFINITY,
  );
  if (size > maxPictureBytes) return null;
  return `data:image/png;base64,${(await readFile(path)).toString("base64")}`;
}
