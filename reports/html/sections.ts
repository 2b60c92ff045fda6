/** The parts of the HTML report around its jobs: verdict, comparison, matrix, filter, deviations, footer. */
import { formatDuration, shortDigest } from "../../harness/base/units.ts";
import { oneLine } from "../../harness/log/clean-text.ts";
import type { JobModel, RunModel } from "../../harness/log/model-schema.ts";
import { type Standing, standingOf } from "../../harness/log/run-model.ts";
import { compareRuns, type JobChange } from "../compare.ts";
import { differenceWords, type ImageTable, imageTable } from "../image-table.ts";
import type { ReportInputs } from "../inputs.ts";
import { knownMark } from "../known-words.ts";
import { machineWord, reasonNotGreen, reasonToHold, standingWord } from "../summary.ts";
import { faultWords, reasonOf } from "./decision.ts";
import { chip } from "./job.ts";
import { type Markup, markup } from "./markup.ts";

/** In the order of need. */
export const standings: readonly Standing[] = [
  "failed",
  "broken",
  "flaky",
  "passed",
  "skipped",
  "notRun",
];

export interface Title {
  readonly word: string;
  readonly tone: "good" | "bad" | "unsure";
  readonly reasons: readonly string[];
}

export function titleOf(model: RunModel, { decision }: ReportInputs): Title {
  const reason = reasonNotGreen(model);
  const blame = model.counts.failed > 0 ? "bad" : "unsure";
  if (decision !== undefined) {
    const held = decision.because === undefined ? blame : toneOf(decision.because);
    const tone = decision.verdict === "PROMOTE" ? "good" : held;
    return { word: decision.verdict, tone, reasons: decision.reasons };
  }
  if (reasonToHold(model) === null)
    return {
      word: reason === null ? "Passed" : "Passed, but flaky",
      tone: reason === null ? "good" : "unsure",
      reasons: reason === null ? [] : [reason],
    };
  return { word: blame === "bad" ? "Failed" : "Cannot tell", tone: blame, reasons: [reason ?? ""] };
}

const toneOf = (because: "image" | "cannot-tell" | null): "bad" | "unsure" =>
  because === "image" ? "bad" : "unsure";

export function headerOf(
  model: RunModel,
  title: Title,
  ids: ReadonlyMap<JobModel, string>,
  inputs: ReportInputs,
): Markup {
  const reasons = title.reasons.slice(0, 100).map((reason) => reasonOf(reason, inputs, ids));
  const fault = inputs.decision === undefined ? null : faultWords(inputs.decision);
  const images = new Map(
    model.jobs.flatMap((job) =>
      Object.entries(job.images).map(([role, image]) => [
        `${role} ${image.digest}`,
        { role, image },
      ]),
    ),
  );
  const imageLines = [...images.values()].map(
    ({ role, image }) =>
      markup`<p class="soft">${oneLine(role, 40)} <strong>${oneLine(image.name, 200)}</strong> <span class="mono">${shortDigest(image.digest)}</span> ${image.architecture}</p>`,
  );
  const stopped =
    model.stopped === null
      ? null
      : markup`<p>The run stopped before its plan was done: ${oneLine(model.stopped)}</p>`;
  const chips = standings
    .filter((standing) => model.counts[standing] > 0)
    .map(
      (standing) =>
        markup`<li>${chip(standing, `${model.counts[standing]} ${standingWord(standing)}`)}</li>`,
    );
  const why =
    reasons.length > 1
      ? markup`<ul>${reasons.map((reason) => markup`<li>${reason}</li>`)}</ul>`
      : markup`<p>${reasons[0] ?? everyJob(model.counts.passed)}</p>`;
  return markup`<div class="brand"><span><strong>bootgate</strong> run ${oneLine(model.run, 100)}</span><span><time datetime="${model.startedAt}">${model.startedAt.replace("T", " ").replace(/\.\d+Z$/u, " UTC")}</time>, ${formatDuration(model.durationMs)}</span></div>
<div class="verdict ${title.tone}"><h1>${title.word}</h1>${fault === null ? null : markup`<p class="soft">${fault}</p>`}${why}${stopped}${imageLines}<ul class="chips" aria-label="Jobs by outcome">${chips}</ul></div>`;
}

const everyJob = (count: number): string =>
  count === 1 ? "The one job passed." : `All ${count} jobs that ran passed.`;

export function toolsOf(model: RunModel): Markup {
  const buttons = standings
    .filter((standing) => model.counts[standing] > 0)
    .map(
      (standing) =>
        markup`<button type="button" data-standing="${standing}" aria-pressed="false">${standingWord(standing)}</button>`,
    );
  return markup`<div class="tools" role="search" hidden><label class="sr" for="filter">Filter jobs by words</label><input id="filter" type="search" placeholder="Filter: scenario, machine, message" autocomplete="off"><div class="group" role="group" aria-label="Show only">${buttons}</div><span id="filter-told" class="soft" role="status"></span></div>`;
}

export function matrixOf(model: RunModel, ids: ReadonlyMap<JobModel, string>): Markup | null {
  const compared = imageTable(model);
  const { columns, rows } = compared ?? machineTable(model);
  if (rows.length === 0) return null;
  const by = compared === null ? "machine" : "image";
  const head = columns.map((column) => markup`<th scope="col">${column}</th>`);
  const body = rows.slice(0, 2000).map(({ scenario, cells, differs }) => {
    const shown = cells.map((jobs, place) => {
      const links = jobs.map((job) => {
        const time = job.attempts.length === 0 ? "" : ` ${formatDuration(job.durationMs)}`;
        return markup`<a href="#${ids.get(job) ?? ""}">${chip(standingOf(job), standingWord(standingOf(job)) + knownMark(job))}<span class="sr"> ${scenario} on ${columns[place] ?? ""}</span></a><span class="time">${time}</span> `;
      });
      return markup`<td>${links.length === 0 ? markup`<span class="sr">not planned</span>` : links}</td>`;
    });
    const mark = differs ? markup`<span title="The images differ here">≠</span> ` : null;
    return markup`<tr${differs ? markup` class="differs"` : null}><th scope="row">${mark}${scenario}</th>${shown}</tr>
`;
  });
  const words = compared === null ? null : markup`<p>${differenceWords(compared)}</p>`;
  return markup`<section aria-labelledby="matrix"><h2 id="matrix">Matrix</h2>${words}<div class="scroll" tabindex="0" role="region" aria-label="Scenarios by ${by}"><table class="matrix"><thead><tr><th scope="col">scenario</th>${head}</tr></thead><tbody>${body}</tbody></table></div></section>`;
}

/** Of a run with one candidate: a column a machine. */
function machineTable({ jobs }: RunModel): ImageTable {
  const columns = [...new Set(jobs.map(machineWord))];
  const byScenario = new Map<string, JobModel[]>();
  for (const job of jobs)
    byScenario.set(job.scenario, [...(byScenario.get(job.scenario) ?? []), job]);
  const rows = [...byScenario].map(([scenario, mine]) => ({
    scenario: oneLine(scenario),
    cells: columns.map((column) => mine.filter((job) => machineWord(job) === column)),
    differs: false,
  }));
  return { columns, rows };
}

export function comparisonOf(
  model: RunModel,
  ids: ReadonlyMap<JobModel, string>,
  { previous }: ReportInputs,
): Markup | null {
  if (previous === undefined) return null;
  const { changes, same, images } = compareRuns(model, previous);
  const idOf = new Map([...ids].map(([job, id]) => [job.id, id]));
  const rows = changes.slice(0, 500).map((change) => changeRow(change, idOf.get(change.job)));
  const imageLines = images
    .slice(0, 20)
    .map(
      ({ image, was, is }) =>
        markup`<li>${oneLine(image, 100)}: <span class="mono">${shortDigest(was)} → ${shortDigest(is)}</span></li>`,
    );
  const table =
    rows.length === 0
      ? null
      : markup`<div class="scroll" tabindex="0" role="region" aria-label="Changed jobs"><table><thead><tr><th scope="col">change</th><th scope="col">job</th><th scope="col">was</th><th scope="col">is</th></tr></thead><tbody>${rows}</tbody></table></div>`;
  return markup`<section aria-labelledby="compared"><h2 id="compared">Since run ${oneLine(previous.run, 100)}</h2>${table}<p class="soft">${same} of ${model.jobs.length} jobs stand as they stood.</p>${imageLines.length === 0 ? null : markup`<ul class="plain">${imageLines}</ul>`}</section>`;
}

function changeRow(change: JobChange, id: string | undefined): Markup {
  const cell = (standing: Standing | null, ms: number): Markup =>
    standing === null
      ? markup`<td>–</td>`
      : markup`<td class="number">${chip(standing)} <span class="time">${ms === 0 ? "" : formatDuration(ms)}</span></td>`;
  const name = oneLine(change.job);
  const link = id === undefined ? markup`${name}` : markup`<a href="#${id}">${name}</a>`;
  return markup`<tr><td>${change.kind}</td><td>${link}</td>${cell(change.was, change.wasMs)}${cell(change.is, change.isMs)}</tr>
`;
}

export function deviationsOf(model: RunModel): Markup | null {
  const jobsBy = new Map<string, number>();
  for (const job of model.jobs) {
    const texts = job.attempts.flatMap((attempt) => attempt.deviations.map(({ text }) => text));
    for (const text of new Set(texts)) jobsBy.set(text, (jobsBy.get(text) ?? 0) + 1);
  }
  if (jobsBy.size === 0) return null;
  const items = [...jobsBy]
    .slice(0, 200)
    .map(
      ([text, jobs]) =>
        markup`<li>${oneLine(text, 500)} <span class="soft">(${jobs} ${jobs === 1 ? "job" : "jobs"})</span></li>`,
    );
  return markup`<section aria-labelledby="deviations"><h2 id="deviations">Differs from a user's boot</h2><ul class="plain">${items}</ul></section>`;
}

export function footerOf({ host, harness, command }: RunModel): Markup {
  const qemu = host.qemu === null ? "no QEMU" : `QEMU ${host.qemu}`;
  return markup`<p>bootgate ${oneLine(harness, 60)} on ${oneLine(host.name, 100)}: Linux ${oneLine(host.kernel, 100)}, ${oneLine(qemu, 60)}, ${oneLine(host.accelerator, 40)}, ${host.cpus} CPUs, ${host.memoryMiB} MiB</p>
<p class="mono">${oneLine(command.join(" "), 1000)}</p>`;
}
