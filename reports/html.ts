/**
 * The run as one HTML file a person would rather look at. It is self-contained, fetches nothing, and forbids itself
 * everything but its own style and script, named by their hashes: what a guest printed could not run even unescaped.
 */
import { createHash } from "node:crypto";
import { oneLine } from "../harness/log/clean-text.ts";
import type { JobModel, RunModel } from "../harness/log/model-schema.ts";
import { standingOf } from "../harness/log/run-model.ts";
import { basesOf } from "./html/bases.ts";
import { decisionOf } from "./html/decision.ts";
import { historyOf } from "./html/history.ts";
import { jobView, type PageRoom } from "./html/job.ts";
import { Markup, markup } from "./html/markup.ts";
import { script } from "./html/script.ts";
import {
  comparisonOf,
  deviationsOf,
  footerOf,
  headerOf,
  matrixOf,
  standings,
  titleOf,
  toolsOf,
} from "./html/sections.ts";
import { style } from "./html/style.ts";
import type { ReportInputs } from "./inputs.ts";

/** Consoles and screenshots together, in UTF-16 units. */
const maxBigThings = 8 << 20;
const maxStories = 600;

/** The whole document. Jobs are in the order of need: failed, broken, flaky, then the rest as planned. */
export function html(model: RunModel, inputs: ReportInputs = {}): string {
  const room: PageRoom = { left: maxBigThings, consoles: 0, stories: maxStories };
  const ordered = standings.flatMap((standing) =>
    model.jobs.filter((job) => standingOf(job) === standing),
  );
  const ids = idsOf(model.jobs);
  const jobs = ordered.map((job) => jobView(job, ids.get(job) ?? "", inputs, room));
  const title = titleOf(model, inputs);
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title.word}: bootgate ${oneLine(model.run, 100)}</title>
<style>${Markup.trusted(style)}</style>
</head>
<body>
<a class="skip-link" href="#jobs">Skip to the jobs</a>
<div class="wrap">
<header>${headerOf(model, title, ids, inputs)}</header>
<main>
${comparisonOf(model, ids, inputs)}${matrixOf(model, ids)}${basesOf(model)}
<section aria-labelledby="jobs"><h2 id="jobs" tabindex="-1">Jobs</h2>
${toolsOf(model)}
<div class="jobs">${jobs}</div></section>
${decisionOf(inputs)}${historyOf(ordered, ids, inputs)}${deviationsOf(model)}</main>
<footer>${footerOf(model)}</footer>
</div>
<script>${Markup.trusted(script)}</script>
</body>
</html>
`;
  return page.html;
}

const hashOf = (text: string): string =>
  `sha256-${createHash("sha256").update(text).digest("base64")}`;

/** Readable ids for links that people send each other, unique on the page and the same in the next run. */
function idsOf(jobs: readonly JobModel[]): Map<JobModel, string> {
  const taken = new Set<string>();
  const ids = new Map<JobModel, string>();
  for (const job of jobs) {
    const slug = `job-${job.id.replace(/[^A-Za-z0-9_.]+/gu, "-").slice(0, 100)}`;
    const id = taken.has(slug) ? `${slug}-${ids.size}` : slug;
    taken.add(id);
    ids.set(job, id);
  }
  return ids;
}
