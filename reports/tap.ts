/**
 * The run as TAP 14, which TAP 13 readers take too: a test point a JUnit case. A run that stopped early ends in
 * `Bail out!`, so that no reader takes it for whole. A known failure is a plain `not ok` and says so in its YAML block:
 * the directive TODO, which looks made for it, lets a `not ok` pass in every reader, and whether a known failure may
 * pass is the policy's to say. The point's description stays as it is, since readers know a test by it.
 */
import { cleanText, defuseCommands, oneLine } from "../harness/log/clean-text.ts";
import type { JobModel, RunModel } from "../harness/log/model-schema.ts";
import type { ReportInputs } from "./inputs.ts";
import { casesOf, type JunitCase, type Problem } from "./junit-cases.ts";
import { knownWords } from "./known-words.ts";

export function tap(model: RunModel, inputs: ReportInputs = {}): string {
  const points = model.jobs.flatMap((job) => casesOf(job, inputs).map((item) => ({ job, item })));
  const lines = ["TAP version 14", `1..${points.length}`];
  points.forEach(({ job, item }, index) => {
    lines.push(...pointLines(job, item, index + 1));
  });
  if (model.stopped !== null) lines.push(`Bail out! ${escapeTap(oneLine(model.stopped))}`);
  return `${lines.join("\n")}\n`;
}

function pointLines(job: JobModel, item: JunitCase, number: number): string[] {
  const notRun = job.outcome.kind === "not-run";
  const ok = item.problem === null && !notRun;
  const skip = item.skipped !== null && !notRun ? ` # SKIP ${escapeTap(item.skipped)}` : "";
  const name = `${escapeTap(oneLine(job.id))}: ${escapeTap(oneLine(item.name))}`;
  const point = `${ok ? "ok" : "not ok"} ${number} - ${name}${skip}`;
  const facts: Record<string, string> = {};
  const known = knownWords(job);
  if (known !== null && (item.problem !== null || item.flaky.length > 0)) facts.known = known;
  if (item.problem !== null)
    Object.assign(facts, problemFacts(item.problem), { repeat: job.repeat });
  if (notRun) facts.message = item.skipped ?? "not run";
  if (item.flaky[0] !== undefined)
    Object.assign(facts, { flaky: "true" }, problemFacts(item.flaky[0]));
  const rows = Object.entries(facts);
  if (rows.length === 0) return [point];
  return [
    point,
    "  ---",
    // A JSON string is a YAML string, so nothing inside can end the block.
    ...rows.map(([key, value]) => `  ${key}: ${JSON.stringify(defuseCommands(value))}`),
    "  ...",
  ];
}

const problemFacts = ({ kind, type, message, text }: Problem): Record<string, string> => ({
  message,
  severity: kind,
  type,
  text: cleanText(text, 4096),
});

/** `#` begins a directive and `\` an escape. */
const escapeTap = (text: string): string => text.replace(/[\\#]/gu, "\\$&");
