/** All reports of a run by file name, for the caller to write. */

import type { RunModel } from "../harness/log/model-schema.ts";
import { ctrf } from "./ctrf.ts";
import { html } from "./html.ts";
import type { ReportInputs } from "./inputs.ts";
import { junit } from "./junit.ts";
import { konflux } from "./konflux.ts";
import { markdown } from "./markdown.ts";
import { results } from "./results.ts";
import { resultsDb } from "./resultsdb.ts";
import { summary } from "./summary.ts";
import { tap } from "./tap.ts";

type Renderer = (model: RunModel, inputs: ReportInputs) => string;

const renderers: Readonly<Record<string, Renderer>> = {
  "junit.xml": junit,
  "report.html": html,
  "summary.txt": (model, { history }) => summary(model, history === undefined ? {} : { history }),
  "summary.md": markdown,
  "results.json": results,
  "ctrf.json": ctrf,
  "report.tap": tap,
  "konflux.json": konflux,
  "resultsdb.json": resultsDb,
};

export const reportFiles: readonly string[] = Object.keys(renderers);

/** The reports one after the other, so that a caller who writes each as it comes holds one in memory, not nine. */
export function* renderEach(
  model: RunModel,
  inputs: ReportInputs = {},
): Generator<readonly [fileName: string, text: string]> {
  for (const [name, render] of Object.entries(renderers)) yield [name, render(model, inputs)];
}
