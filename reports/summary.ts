/**
 * The end of a run as a person reads it in a terminal or a CI log: why it is not green, a row a job, then each problem
 * with the command that repeats it. Plain text; nothing in it can be taken for a CI's annotation command.
 */

import { styleText } from "node:util";
import { formatDuration, shortDigest } from "../harness/base/units.ts";
import { cleanText, defuseCommands, oneLine } from "../harness/log/clean-text.ts";
import { historyWords, type JobHistory } from "../harness/log/job-history.ts";
import {
  type ErrorModel,
  errorOf,
  type JobModel,
  type RunModel,
} from "../harness/log/model-schema.ts";
import { placeParts } from "../harness/log/place-parts.ts";
import { type Standing, standingOf } from "../harness/log/run-model.ts";
import { baseTable } from "./base-table.ts";
import { differenceWords, imageTable } from "./image-table.ts";
import { knownMark, knownWords, withKnown } from "./known-words.ts";

export interface SummaryOptions {
  /** ANSI colours; off unless asked, so that a file or a CI log stays plain. */
  readonly color?: boolean;
  /** Where the run directory is, for the last line. */
  readonly runDirectory?: string;
  /** Earlier runs of each job, by its id. */
  readonly history?: ReadonlyMap<string, JobHistory>;
}

const words: Readonly<Record<Standing, string>> = {
  passed: "passed",
  flaky: "flaky",
  failed: "failed",
  broken: "broken",
  skipped: "skipped",
  notRun: "not run",
};

const colors = {
  passed: "green",
  flaky: "yellow",
  failed: "red",
  broken: "magenta",
  skipped: "gray",
  notRun: "gray",
} as const satisfies Record<Standing, string>;

/** The word for a standing in every report. */
export const standingWord = (standing: Standing): string => words[standing];

/** The whole summary, ending in a line end. */
export function summary(model: RunModel, options: SummaryOptions = {}): string {
  const paint = (standing: Standing, text: string): string =>
    options.color === true ? styleText(colors[standing], text, { validateStream: false }) : text;
  const reason = reasonNotGreen(model);
  const blocks = [
    ...(reason === null ? [] : [reason]),
    table(model, paint),
    ...imageBlock(model, paint),
    ...baseBlocks(model),
    ...problemBlocks(model, paint, options),
    ...deviationBlock(model),
    lastLine(model, options),
  ];
  return `${defuseCommands(blocks.join("\n\n"))}\n`;
}

/** One line that says why the run is not green, flaky jobs included; null when it is. */
export function reasonNotGreen(model: RunModel): string | null {
  const first = model.jobs.find((job) => job.flaky);
  if (first === undefined) return reasonToHold(model);
  const more = model.counts.flaky > 1 ? ` (and ${model.counts.flaky - 1} more)` : "";
  return (
    reasonToHold(model) ??
    `${oneLine(first.scenario)} is flaky: it passed only when tried again${more}`
  );
}

/** The same without flaky jobs, which a policy may let pass. */
export function reasonToHold(model: RunModel): string | null {
  const bad = model.jobs.filter((job) => ["failed", "broken"].includes(standingOf(job)));
  // What nothing excuses first, then the image's fault before ours: it is what the reader came to learn.
  const rank = ({ known, outcome }: JobModel): number =>
    (known?.expired === false ? 2 : 0) + (outcome.kind === "failed" ? 0 : 1);
  const first = bad.toSorted((one, other) => rank(one) - rank(other))[0];
  const more = bad.length > 1 ? ` (and ${bad.length - 1} more)` : "";
  if (first !== undefined) {
    const headline = withKnown(first, oneLine(errorOf(first.outcome)?.headline ?? ""));
    return `${oneLine(first.scenario)} ${first.outcome.kind}: ${headline}${more}`;
  }
  if (model.stopped !== null)
    return `The run stopped before its plan was done: ${oneLine(model.stopped)}`;
  if (model.counts.notRun > 0)
    return `${model.counts.notRun} of ${model.jobs.length} jobs did not run.`;
  const { passed, flaky } = model.counts;
  if (passed + flaky > 0) return null;
  return model.shard?.nothingToRun === true
    ? "This shard had nothing to run: the others have all that is not skipped."
    : "Nothing passed, so nothing is proved.";
}

type Paint = (standing: Standing, text: string) => string;

export const machineWord = ({ machine, cell }: JobModel): string =>
  oneLine(
    [
      placeParts(machine).join(" "),
      ...(cell === undefined ? [] : [Object.values(cell).join(" ")]),
    ].join(", "),
    120,
  );

/** How the job's guests were started: `cold`, `fork`, `fork+cold`, or `-` where none was. */
export function startWord(job: JobModel): string {
  const starts = new Set(job.attempts.flatMap(({ guests }) => guests.map(({ start }) => start)));
  return [...starts].join("+") || "-";
}

function table(model: RunModel, paint: Paint): string {
  const head = ["outcome", "scenario", "machine", "time", "start"];
  const rows = model.jobs.map((job) => [
    words[standingOf(job)] + knownMark(job),
    oneLine(job.scenario, 60),
    machineWord(job),
    job.attempts.length === 0 ? "-" : formatDuration(job.durationMs),
    startWord(job),
  ]);
  const widths = head.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 3 ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const body = rows.map((row, index) => {
    const job = model.jobs[index];
    const text = line(row);
    if (job === undefined) return text;
    const standing = standingOf(job);
    return (
      paint(standing, text.slice(0, words[standing].length)) + text.slice(words[standing].length)
    );
  });
  return [line(head), ...body].join("\n");
}

/** The images beside each other, where there are several. */
function imageBlock(model: RunModel, paint: Paint): string[] {
  const compared = imageTable(model);
  if (compared === null) return [];
  const { columns, rows } = compared;
  const cells = rows.map((row) => row.cells.map((jobs) => jobs.map(standingOf)));
  const textOf = (standings: readonly Standing[]): string =>
    standings.map((one) => words[one]).join(" ") || "-";
  const widths = columns.map((column, place) =>
    Math.max(column.length, ...cells.map((row) => textOf(row[place] ?? []).length)),
  );
  const first = Math.max("scenario".length, ...rows.map(({ scenario }) => scenario.length));
  const head = columns.map((column, place) => column.padEnd(widths[place] ?? 0));
  const lines = rows.map(({ scenario, differs }, index) => {
    const row = columns.map((_, place) => {
      const standings = cells[index]?.[place] ?? [];
      const text = textOf(standings);
      const shown = standings[0] === undefined ? text : paint(standings[0], text);
      return shown + " ".repeat((widths[place] ?? 0) - text.length);
    });
    return [differs ? "≠" : " ", scenario.padEnd(first), ...row].join("  ").trimEnd();
  });
  const title = [" ", "scenario".padEnd(first), ...head].join("  ").trimEnd();
  return [[differenceWords(compared), title, ...lines].join("\n")];
}

/** What the images have in common: failures that are a base's, then layers. */
function baseBlocks(model: RunModel): string[] {
  const found = baseTable(model);
  if (found === null) return [];
  const faults = found.faults.map(({ headline, details }) =>
    [headline, ...details.map(([label, text]) => `  ${label.padEnd(16)} ${text}`)].join("\n"),
  );
  const rows = found.rows.map(
    ({ image, base, size, shares }) =>
      `  ${image}: ${size}; based on: ${base}; shares with: ${shares}`,
  );
  const layers = rows.length === 0 ? [] : [["Layers of the images:", ...rows].join("\n")];
  return [...faults, ...layers];
}

/** More than a person reads in a terminal; the files have them all. */
const maxProblems = 100;

function problemBlocks({ jobs }: RunModel, paint: Paint, options: SummaryOptions): string[] {
  // Problems before skips, so that the cut falls on the ones that say least.
  const isBad = (job: JobModel) => errorOf(job.outcome) !== null;
  const ordered = [...jobs.filter(isBad), ...jobs.filter((job) => !isBad(job))];
  const told = ordered.filter((job) => job.outcome.kind !== "passed");
  const blocks = told.slice(0, maxProblems).flatMap((job) => problemBlock(job, paint, options));
  if (told.length > maxProblems)
    blocks.push(`${told.length - maxProblems} more are in the run's files.`);
  return blocks;
}

function problemBlock(job: JobModel, paint: Paint, { history }: SummaryOptions): string[] {
  const standing = standingOf(job);
  const title = `${oneLine(job.scenario)} on ${machineWord(job)}`;
  const mark = paint(standing, words[standing]);
  if (job.outcome.kind === "skipped" || job.outcome.kind === "not-run")
    return [`${mark}: ${title}\n  because    ${oneLine(job.outcome.reason)}`];
  const error = errorOf(job.outcome);
  if (error === null) return [];
  const step = job.attempts[0]?.steps.find((item) => errorOf(item.outcome) !== null);
  const evidence = job.attempts[0]?.evidence ?? [];
  const known = knownWords(job);
  const past = history?.get(job.id);
  const lines = [
    `${mark}: ${title}${known === null ? "" : `, ${known}`}`,
    ...(step === undefined ? [] : [`  step       ${oneLine(step.name)}`]),
    ...messageLines(error),
    ...stackLines(error),
    ...evidence
      .slice(0, 8)
      .map(({ kind, path }) => `  ${oneLine(kind, 20).padEnd(10)} ${oneLine(path)}`),
    ...(job.attempts.length > 1 ? [`  attempts   ${attemptWords(job)}`] : []),
    ...(past === undefined ? [] : [`  history    ${oneLine(historyWords(past))}`]),
    `  repeat     ${oneLine(job.repeat, 1000)}`,
  ];
  return [lines.join("\n")];
}

/** `1 failed, 2 passed`: each attempt's own outcome, in order. */
export const attemptWords = (job: JobModel): string =>
  job.attempts.map(({ attempt, outcome }) => `${attempt} ${outcome.kind}`).join(", ");

function messageLines(error: ErrorModel): string[] {
  const lines = cleanText(error.message, 4000).split("\n");
  return lines
    .slice(0, 40)
    .map((line, index) => (index === 0 ? `  ${line}` : `  ${line.replace(/^ {2}/u, "")}`));
}

/** Where a fault of the harness itself was thrown; errors that were foreseen have no stack. */
function stackLines({ stack }: ErrorModel): string[] {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s+at /u.test(line));
  return frames.slice(0, 3).map((frame) => `  thrown     ${oneLine(frame, 200)}`);
}

function deviationBlock(model: RunModel): string[] {
  const jobsBy = new Map<string, number>();
  for (const job of model.jobs) {
    const texts = new Set(
      job.attempts.flatMap(({ deviations }) => deviations.map(({ text }) => oneLine(text))),
    );
    for (const text of texts) jobsBy.set(text, (jobsBy.get(text) ?? 0) + 1);
  }
  if (jobsBy.size === 0) return [];
  const rows = [...jobsBy].map(
    ([text, jobs]) => `  ${text} (${jobs} ${jobs === 1 ? "job" : "jobs"})`,
  );
  return [["Differs from a user's boot:", ...rows].join("\n")];
}

/** `5 passed, 1 failed, 0 broken, 0 skipped, 0 not run in 4 min 12 s`; flaky jobs are named only where there are some. */
export function countsLine(model: RunModel): string {
  const { passed, flaky, failed, broken, skipped, notRun } = model.counts;
  const flakes = flaky === 0 ? "" : `${flaky} flaky, `;
  const part =
    model.shard === undefined ? "" : ` (shard ${model.shard.index} of ${model.shard.count})`;
  return `${passed} passed, ${flakes}${failed} failed, ${broken} broken, ${skipped} skipped, ${notRun} not run in ${formatDuration(model.durationMs)}${part}`;
}

function lastLine(model: RunModel, { runDirectory }: SummaryOptions): string {
  const images = new Map(
    model.jobs.flatMap((job) =>
      Object.entries(job.images).map(([role, image]) => [
        // One name stands for an image of each architecture.
        `${role} ${image.name} ${image.architecture}`,
        `${role.padEnd(10)} ${oneLine(image.name, 100)} ${shortDigest(image.digest)} ${image.architecture}${image.digestOf === "disk" ? ", digest of the disk file: which image it holds is its guest's own word" : ""}${image.derivedFrom === undefined ? "" : `, derived from ${shortDigest(image.derivedFrom)}: no image was named for this role`}`,
      ]),
    ),
  );
  const where = runDirectory === undefined ? [] : [`look at    ${runDirectory}`];
  return [...images.values(), ...where, countsLine(model)].join("\n");
}
