/**
 * The run as Markdown for `$GITHUB_STEP_SUMMARY` and its like: verdict, table, problems folded below. Guest text goes
 * only into fences and escaped cells, so it can neither mention people nor draw links or pictures.
 */

import { formatDuration } from "../harness/base/units.ts";
import { cleanText, defuseCommands, oneLine } from "../harness/log/clean-text.ts";
import { historyWords } from "../harness/log/job-history.ts";
import { errorOf, type JobModel, type RunModel } from "../harness/log/model-schema.ts";
import { type Standing, standingOf } from "../harness/log/run-model.ts";
import { baseTable, layerColumns } from "./base-table.ts";
import { differenceWords, imageTable } from "./image-table.ts";
import type { ReportInputs } from "./inputs.ts";
import { knownMark, knownWords } from "./known-words.ts";
import { partLines } from "./part-lines.ts";
import {
  attemptWords,
  countsLine,
  machineWord,
  reasonNotGreen,
  standingWord,
  startWord,
} from "./summary.ts";

/** GitHub refuses a step summary above 1 MiB; the rest is left for the other reports. */
const maxBytes = 900_000;

const marks: Readonly<Record<Standing, string>> = {
  passed: "✅",
  flaky: "⚠️",
  failed: "❌",
  broken: "🛠️",
  skipped: "➖",
  notRun: "⏹️",
};

export function markdown(model: RunModel, inputs: ReportInputs = {}): string {
  const blocks = [
    heading(model, inputs),
    imagesBeside(model),
    basesBelow(model),
    table(model.jobs),
  ];
  let bytes = blocks.reduce((sum, block) => sum + Buffer.byteLength(block), 0);
  let left = 0;
  for (const job of model.jobs) {
    const block = problem(job, inputs);
    if (block === null) continue;
    bytes += Buffer.byteLength(block) + 2;
    if (bytes < maxBytes) blocks.push(block);
    else left++;
  }
  if (left > 0) blocks.push(`${left} more problems are in the other reports of the run.`);
  blocks.push(deviations(model));
  return `${defuseCommands(blocks.filter((block) => block !== "").join("\n\n"))}\n`;
}

function heading(model: RunModel, { decision }: ReportInputs): string {
  const reason = reasonNotGreen(model);
  const title =
    decision === undefined ? (reason === null ? "Passed" : "Not green") : decision.verdict;
  const reasons = decision?.reasons ?? (reason === null ? [] : [reason]);
  const lines = [
    `## bootgate: ${title}`,
    ...reasons.slice(0, 50).map((text) => `- ${inline(text)}`),
    ...partLines(decision ?? {})
      .slice(0, 50)
      .map((text) => `- ${inline(text)}`),
    "",
    `${inline(countsLine(model))} (run ${inline(model.run)}, harness ${inline(model.harness)})`,
  ];
  const images = new Map(
    model.jobs.flatMap((job) =>
      Object.entries(job.images).map(([role, image]) => [
        role + image.digest,
        `${inline(role)}: ${inline(image.name)} ${codeSpan(image.digest)} ${inline(image.architecture)}${image.digestOf === "disk" ? ", digest of the disk file: which image it holds is its guest's own word" : ""}${image.derivedFrom === undefined ? "" : `, derived from ${codeSpan(image.derivedFrom)}: no image was named for this role`}`,
      ]),
    ),
  );
  return [...lines, "", ...[...images.values()].map((text) => `- ${text}`)].join("\n");
}

/** At most this many rows; problems come first, so that a cut never hides one behind a passed job. */
const maxRows = 2000;

function table(jobs: readonly JobModel[]): string {
  const isFine = (job: JobModel) => standingOf(job) === "passed";
  const rows =
    jobs.length <= maxRows ? jobs : [...jobs.filter((job) => !isFine(job)), ...jobs.filter(isFine)];
  const more =
    rows.length > maxRows ? `\n\n${rows.length - maxRows} more jobs are in the other reports.` : "";
  const body = rows.slice(0, maxRows).map((job) => {
    const standing = standingOf(job);
    const time = job.attempts.length === 0 ? "–" : formatDuration(job.durationMs);
    return `| ${marks[standing]} ${standingWord(standing)}${knownMark(job)} | ${inline(job.scenario)} | ${inline(machineWord(job))} | ${time} | ${inline(startWord(job))} |`;
  });
  const head = "| outcome | scenario | machine | time | start |\n| --- | --- | --- | ---: | --- |";
  return `${[head, ...body].join("\n")}${more}`;
}

/** The images beside each other, where there are several. */
function imagesBeside(model: RunModel): string {
  const compared = imageTable(model);
  if (compared === null) return "";
  const { columns, rows } = compared;
  const body = rows.slice(0, maxRows).map(({ scenario, cells, differs }) => {
    const row = cells.map((jobs) =>
      jobs
        .map((job) => `${marks[standingOf(job)]} ${standingWord(standingOf(job))}${knownMark(job)}`)
        .join(" "),
    );
    return `| ${differs ? "≠" : ""} | ${inline(scenario)} | ${row.map((text) => text || "–").join(" | ")} |`;
  });
  const head = `| | scenario | ${columns.map(inline).join(" | ")} |`;
  const rule = `| --- | --- |${columns.map(() => " --- |").join("")}`;
  return [inline(differenceWords(compared)), "", head, rule, ...body].join("\n");
}

/** What the images have in common: failures that are a base's, and layers. */
function basesBelow(model: RunModel): string {
  const found = baseTable(model);
  if (found === null) return "";
  const faults = found.faults.map(({ headline, details }) =>
    [
      `**${inline(headline)}**`,
      "",
      ...details.map(([label, text]) => `- ${inline(label)}: ${inline(text)}`),
    ].join("\n"),
  );
  const rows = found.rows
    .slice(0, maxRows)
    .map((row) => `| ${[row.image, row.base, row.size, row.shares].map(inline).join(" | ")} |`);
  const rule = `|${layerColumns.map(() => " --- |").join("")}`;
  const layers =
    rows.length === 0 ? [] : [[`| ${layerColumns.join(" | ")} |`, rule, ...rows].join("\n")];
  return [...faults, ...layers].join("\n\n");
}

function problem(job: JobModel, { history }: ReportInputs): string | null {
  const { outcome } = job;
  const standing = standingOf(job);
  const known = knownWords(job);
  const title = `${marks[standing]} ${standingWord(standing)}: ${html(job.scenario)} on ${html(machineWord(job))}${known === null ? "" : inTag(`, ${known}`)}`;
  if (outcome.kind === "skipped" || outcome.kind === "not-run")
    return `- ${marks[standing]} ${standingWord(standing)}: ${inline(job.scenario)} on ${inline(machineWord(job))}: ${inline(outcome.reason)}`;
  const error = errorOf(outcome);
  if (error === null) return null;
  const past = history?.get(job.id);
  const step = job.attempts[0]?.steps.find((item) => errorOf(item.outcome) !== null);
  return [
    `<details${standing === "flaky" ? "" : " open"}><summary>${title}</summary>`,
    ...(step === undefined ? [] : [`Step: ${inline(step.name)}`]),
    ...(job.attempts.length > 1 ? [`Attempts: ${inline(attemptWords(job))}`] : []),
    ...(job.known === null ? [] : [`Known failure: ${link(job.known.tracker)}`]),
    ...(past === undefined ? [] : [`History: ${inline(historyWords(past))}`]),
    fence(cleanText(error.message, 4000)),
    "Repeat it:",
    fence(oneLine(job.repeat, 1000)),
    "</details>",
  ].join("\n\n");
}

function deviations(model: RunModel): string {
  const texts = new Set(
    model.jobs.flatMap((job) =>
      job.attempts.flatMap((attempt) => attempt.deviations.map(({ text }) => oneLine(text))),
    ),
  );
  if (texts.size === 0) return "";
  const rows = [...texts].slice(0, 100).map((text) => `- ${inline(text)}`);
  return ["### Differs from a user's boot", "", ...rows].join("\n");
}

const html = (text: string): string =>
  oneLine(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** One line of text with every sign that Markdown or GitHub gives a meaning made plain. */
const inline = (text: string): string =>
  unlinked(html(text).replace(/[\\`*_{}[\]()#+!|~$-]/gu, "\\$&"));

/** The same between tags, where a backslash would be seen. */
const inTag = (text: string): string =>
  unlinked(html(text)).replaceAll("[", "&#91;").replaceAll("]", "&#93;");

/** Escaped text in which nothing mentions anybody or becomes a link by itself. */
function unlinked(text: string): string {
  return text
    .replaceAll("@", "&#64;")
    .replace(/:\/\//gu, ":&#47;&#47;")
    .replace(/\bwww\./giu, "www&#46;");
}

/** A tracker that can be clicked. It is from our list and not from a guest; what is not a plain URL stays text. */
const link = (url: string): string =>
  /^https?:\/\/[\w.~:/?#@!$&'*+,;=%-]{1,300}$/u.test(url) ? `<${url}>` : inline(url);

const codeSpan = (text: string): string => `\`${oneLine(text, 100).replaceAll("`", "'")}\``;

/** A code block whose fence is longer than any run of backticks in it. */
function fence(text: string): string {
  const longest = (text.match(/`+/gu) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
  const ticks = "`".repeat(longest + 1);
  return `${ticks}text\n${text}\n${ticks}`;
}
