/** One job of the HTML report: a line that folds out to what happened, why, and how to see it again. */

import { formatDuration } from "../../harness/base/units.ts";
import { cleanText, oneLine } from "../../harness/log/clean-text.ts";
import { historyWords } from "../../harness/log/job-history.ts";
import { type AttemptModel, errorOf, type JobModel } from "../../harness/log/model-schema.ts";
import { type Standing, standingOf } from "../../harness/log/run-model.ts";
import type { ReportInputs } from "../inputs.ts";
import { withKnown } from "../known-words.ts";
import { machineWord, standingWord, startWord } from "../summary.ts";
import { consoleView } from "./console.ts";
import { type Markup, markup } from "./markup.ts";
import { glyphs, timeline } from "./timeline.ts";

/** What is left to spend on big things, in UTF-16 units: a page must open on a phone. */
export interface PageRoom {
  left: number;
  /** Consoles shown so far; their line ids are made from it, short because there are many. */
  consoles: number;
  /** Jobs that still get their whole story; beyond them a passed job is one line. */
  stories: number;
}

export const chip = (standing: Standing, label = standingWord(standing)): Markup =>
  markup`<span class="chip ${standing}"><span aria-hidden="true">${glyphs[standing]}</span>${label}</span>`;

export function jobView(job: JobModel, id: string, inputs: ReportInputs, room: PageRoom): Markup {
  const standing = standingOf(job);
  const isOpen = standing === "failed" || standing === "broken";
  const why = whyOf(job);
  const time = job.attempts.length === 0 ? "" : formatDuration(job.durationMs);
  const text = oneLine(
    `${job.id} ${job.summary} ${standingWord(standing)} ${why}`,
    1000,
  ).toLowerCase();
  const whole = room.stories > 0;
  room.stories--;
  const body = whole || isOpen ? storyOf(job, inputs, room) : shortStory(job);
  return markup`<details class="job" id="${id}" data-standing="${standing}" data-text="${text}"${isOpen && whole ? markup` open` : null}>
<summary>${chip(standing)}<h3>${oneLine(job.scenario)} <span class="soft">${machineWord(job)}</span></h3><span class="time">${time}</span>${why === "" ? null : markup`<span class="why">${why}</span>`}</summary>
<div class="body">${body}</div>
</details>
`;
}

function whyOf(job: JobModel): string {
  const { outcome } = job;
  if (outcome.kind === "skipped" || outcome.kind === "not-run") return oneLine(outcome.reason);
  const error = errorOf(outcome);
  const headline = error === null ? "" : withKnown(job, oneLine(error.headline));
  return job.flaky ? `Passed only when tried again; first: ${headline}` : headline;
}

const repeatBlock = (job: JobModel): Markup =>
  markup`<h4>Repeat by hand</h4><div class="repeat"><pre>${oneLine(job.repeat, 1000)}</pre></div>`;

const shortStory = (job: JobModel): Markup =>
  markup`<p>${oneLine(job.summary)}</p>${repeatBlock(job)}`;

function storyOf(job: JobModel, inputs: ReportInputs, room: PageRoom): Markup {
  const attempts = job.attempts.map((attempt) => attemptView(job, attempt, inputs, room));
  const past = inputs.history?.get(job.id);
  const pastNote =
    past === undefined ? null : markup`<p class="soft">History: ${historyWords(past)}</p>`;
  return markup`<p>${oneLine(job.summary)}</p>${knownNote(job)}${pastNote}${attempts}${factsOf(job)}${repeatBlock(job)}`;
}

function knownNote(job: JobModel): Markup | null {
  const { known } = job;
  if (known === null) return null;
  const { tracker, until, expired, words } = known;
  const url = oneLine(tracker);
  const where = /^https?:\/\//u.test(url) ? markup`<a href="${url}">${url}</a>` : markup`${url}`;
  const end = `until ${oneLine(until, 20)}${expired ? ", which is over" : ""}`;
  return markup`<p><strong>Known failure</strong> ${end}: ${where}. It is still counted as ${standingWord(standingOf(job))}. Matched: <q>${oneLine(words)}</q></p>`;
}

function attemptView(
  job: JobModel,
  attempt: AttemptModel,
  inputs: ReportInputs,
  room: PageRoom,
): Markup {
  const title =
    job.attempts.length < 2
      ? null
      : markup`<h4 class="attempt">Attempt ${attempt.attempt}: ${attempt.outcome.kind}</h4>`;
  const consoles = consolesOf(attempt, inputs, room);
  const steps = timeline(attempt);
  return markup`${title}${problemOf(job, attempt, consoles.fatalId)}${steps === null ? null : markup`<h4>Timeline</h4>${steps}`}${consoles.views}${screenshotsOf(attempt, inputs, room)}${listOf(
    "Differs from a user's boot",
    attempt.deviations.map(({ text }) => text),
  )}${listOf("Notes", attempt.notes)}${measuresOf(attempt)}${evidenceOf(attempt)}`;
}

function problemOf(job: JobModel, attempt: AttemptModel, fatalId: string | null): Markup | null {
  const error = errorOf(attempt.outcome);
  if (error === null) return null;
  const tone = job.flaky ? "flaky" : attempt.outcome.kind;
  const jump =
    fatalId === null ? null : markup` · <a href="#${fatalId}">Jump to the line on the console</a>`;
  const stack =
    error.stack === undefined
      ? null
      : markup`<details><summary>Stack</summary><pre>${cleanText(error.stack, 8000)}</pre></details>`;
  return markup`<h4>What went wrong</h4><pre class="problem ${tone}">${cleanText(error.message, 8000)}</pre><p class="type">${oneLine(error.type, 100)}${error.stage === undefined ? null : markup` in stage ${oneLine(error.stage, 40)}`}${jump}</p>${stack}`;
}

function consolesOf(attempt: AttemptModel, inputs: ReportInputs, room: PageRoom) {
  const paths = new Set([
    ...attempt.guests.map(({ console }) => console),
    ...attempt.evidence.map(({ path }) => path),
  ]);
  const error = errorOf(attempt.outcome);
  let fatalId: string | null = null;
  const views: Markup[] = [];
  for (const path of paths) {
    const excerpt = inputs.consoles?.get(path);
    if (excerpt === undefined || room.left <= 0) continue;
    const shown = consoleView(
      `console${++room.consoles}`,
      oneLine(path),
      excerpt,
      error,
      room.consoles <= manyConsoles ? 400 : 60,
    );
    room.left -= shown.size;
    fatalId ??= shown.fatalId;
    views.push(markup`<h4>Console</h4>${shown.view}`);
  }
  return { views, fatalId };
}

/** With more consoles than a person reads, each shows only what is next to its fatal line. */
const manyConsoles = 40;

const dataUri = /^data:image\/(?:png|jpeg);base64,[A-Za-z0-9+/]+={0,2}$/u;

function screenshotsOf(attempt: AttemptModel, inputs: ReportInputs, room: PageRoom): Markup[] {
  const alt =
    errorOf(attempt.outcome) === null ? "The guest's screen" : "The guest's screen when it failed";
  return attempt.evidence.flatMap(({ path }) => {
    const uri = inputs.screenshots?.get(path);
    if (uri === undefined || uri.length > room.left || !dataUri.test(uri)) return [];
    room.left -= uri.length;
    return [
      markup`<h4>Screen</h4><figure class="shot"><img src="${uri}" alt="${alt}"><figcaption class="soft">${oneLine(path)}</figcaption></figure>`,
    ];
  });
}

function listOf(title: string, texts: readonly string[]): Markup | null {
  if (texts.length === 0) return null;
  const items = texts.slice(0, 50).map((text) => markup`<li>${oneLine(text, 500)}</li>`);
  return markup`<h4>${title}</h4><ul class="plain">${items}</ul>`;
}

function measuresOf({ measures }: AttemptModel): Markup | null {
  if (measures.length === 0) return null;
  const rows = measures
    .slice(0, 50)
    .map(({ name, value }) => markup`<dt>${oneLine(name, 80)}</dt><dd>${value}</dd>`);
  return markup`<h4>Measured</h4><dl class="facts">${rows}</dl>`;
}

function evidenceOf({ evidence }: AttemptModel): Markup | null {
  if (evidence.length === 0) return null;
  const rows = evidence
    .slice(0, 50)
    .map(
      ({ kind, path }) =>
        markup`<dt>${oneLine(kind, 40)}</dt><dd class="mono">${oneLine(path)}</dd>`,
    );
  return markup`<h4>Evidence</h4><dl class="facts">${rows}</dl>`;
}

function factsOf(job: JobModel): Markup {
  const images = Object.entries(job.images).map(
    ([role, image]) =>
      markup`<dt>${oneLine(role, 40)}</dt><dd>${oneLine(image.name, 200)} <span class="mono">${oneLine(image.digest, 100)}</span>${image.digestOf === "disk" ? " (of the disk file)" : null} ${image.architecture}${image.derivedFrom === undefined ? null : markup`, derived from <span class="mono">${oneLine(image.derivedFrom, 100)}</span>`}${image.standIns.length === 0 ? null : markup`, stand-in for ${oneLine(image.standIns.join(", "), 200)}`}</dd>`,
  );
  const start = startWord(job);
  return markup`<h4>What ran</h4><dl class="facts">${images}<dt>machine</dt><dd>${machineWord(job)}</dd>${start === "-" ? null : markup`<dt>start</dt><dd>${start}</dd>`}</dl>`;
}
