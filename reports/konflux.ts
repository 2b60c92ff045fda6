/**
 * The Tekton result `TEST_OUTPUT` by which Konflux gates a snapshot. Konflux lets SUCCESS, WARNING and SKIPPED pass, so
 * none of them is given unless the run is green or the decision says PROMOTE.
 */
import { formatDuration } from "../harness/base/units.ts";
import { oneLine } from "./clean-text.ts";
import type { ReportInputs } from "./inputs.ts";
import type { RunModel } from "./model-schema.ts";
import { reasonNotGreen, reasonToHold } from "./summary.ts";

/** Tekton keeps all results of a task in about 4 KiB. */
const maxNoteBytes = 512;

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
    note: cutToBytes(noteOf(model, inputs), maxNoteBytes),
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
  const took = `${model.jobs.length} jobs in ${formatDuration(model.durationMs)}`;
  return oneLine(`${verdict}${reason ?? "All passed"} (${took})`, 600);
}

/** UTF-8, cut between characters. */
function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const cut = Buffer.from(text).subarray(0, maxBytes - 3);
  return `${new TextDecoder("utf-8", { ignoreBOM: true }).decode(cut).replace(/\ufffd+$/u, "")}…`;
}
