/**
 * The Tekton result `TEST_OUTPUT` by which Konflux gates a snapshot. Konflux lets SUCCESS, WARNING and SKIPPED pass, so
 * none of them is given unless the run is green or the decision says PROMOTE. Known failures are told in the note and
 * change nothing else: whether one may pass is in the decision already.
 */
import { formatDuration } from "../harness/base/units.ts";
import { oneLine } from "../harness/log/clean-text.ts";
import type { JobModel, RunModel } from "../harness/log/model-schema.ts";
import { standingOf } from "../harness/log/run-model.ts";
import type { ReportInputs } from "./inputs.ts";
import { knownWords } from "./known-words.ts";
import { reasonNotGreen, reasonToHold, standingWord } from "./summary.ts";

/** Tekton keeps all results of a task in about 4 KiB. */
const maxNoteBytes = 512;
const maxReasonBytes = 240;

type KonfluxResult = "SUCCESS" | "FAILURE" | "WARNING" | "ERROR";

/** One line of JSON, as integration-service validates it; `namespace` groups results in its view. */
export function konflux(model: RunModel, inputs: ReportInputs = {}): string {
  const { passed, flaky, failed, broken, notRun } = model.counts;
  const ended =
    model.endedAt ?? new Date(Date.parse(model.startedAt) + model.durationMs).toISOString();
  return `${JSON.stringify({
    result: resultOf(model, inputs),
    namespace: "bootgate",
    timestamp: ended,
    note: noteOf(model, inputs),
    successes: passed,
    failures: failed + broken + notRun,
    warnings: flaky,
  })}\n`;
}

function resultOf(model: RunModel, { decision }: ReportInputs): KonfluxResult {
  const { failed } = model.counts;
  const green =
    decision === undefined ? reasonToHold(model) === null : decision.verdict === "PROMOTE";
  if (green) return reasonNotGreen(model) === null ? "SUCCESS" : "WARNING";
  return failed > 0 ? "FAILURE" : "ERROR";
}

function noteOf(model: RunModel, { decision }: ReportInputs): string {
  const reason = decision?.reasons[0] ?? reasonNotGreen(model);
  const verdict = decision === undefined ? "" : `${decision.verdict}. `;
  const head = cutToBytes(oneLine(`${verdict}${reason ?? "All passed"}`, 600), maxReasonBytes);
  const jobs = `${model.jobs.length} ${model.jobs.length === 1 ? "job" : "jobs"}`;
  const start = `${head} (${jobs} in ${formatDuration(model.durationMs)})`;
  return withAsides(
    start,
    model.jobs.flatMap((job) => asideOf(job, head)),
    maxNoteBytes,
  );
}

/** Known failures and flakes with the outcome that they had, each told whole or counted. */
function withAsides(start: string, asides: readonly string[], maxBytes: number): string {
  const more = (count: number): string => (count === 0 ? "" : `; ${count} more known or flaky`);
  let note = start;
  for (const [index, aside] of asides.entries()) {
    const next = `${note}; ${aside}`;
    const left = asides.length - index - 1;
    if (Buffer.byteLength(next + more(left)) > maxBytes) return note + more(left + 1);
    note = next;
  }
  return note;
}

/** What the head of the note tells already is not told again. */
function asideOf(job: JobModel, head: string): string[] {
  const known = knownWords(job);
  const outcome = `${oneLine(job.scenario, 100)} ${standingWord(standingOf(job))}`;
  if (known === null) return job.flaky ? [outcome] : [];
  return head.includes(`${outcome}: ${known}`) ? [] : [`${outcome}, ${known}`];
}

/** UTF-8, cut between characters. */
function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text).subarray(0, maxBytes - 3);
  const cut = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replace(/\ufffd+$/u, "");
  // Half an address would be a wrong one.
  return `${cut.replace(/\S*:\/\/\S*$/u, "")}…`;
}
