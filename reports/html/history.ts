/** What earlier runs say of each job, as a table: whether a failure is new tells the image from the test. */
import { formatDuration } from "../../harness/base/units.ts";
import { oneLine } from "../../harness/log/clean-text.ts";
import { type JobHistory, rateWords } from "../../harness/log/job-history.ts";
import type { JobModel } from "../../harness/log/model-schema.ts";
import type { ReportInputs } from "../inputs.ts";
import { type Markup, markup } from "./markup.ts";

/** Problems come first, so that a cut falls on the rows that say least. */
const maxRows = 500;

/** Null without earlier runs. `jobs` are in the order of need. */
export function historyOf(
  jobs: readonly JobModel[],
  ids: ReadonlyMap<JobModel, string>,
  { history }: ReportInputs,
): Markup | null {
  if (history === undefined || history.size === 0) return null;
  const rows = jobs
    .slice(0, maxRows)
    .flatMap((job) => rowOf(job, ids.get(job) ?? "", history.get(job.id)));
  const more =
    jobs.length > maxRows
      ? markup`<p class="soft">${jobs.length - maxRows} more jobs are left out.</p>`
      : null;
  return markup`<section aria-labelledby="history"><h2 id="history">History</h2><div class="scroll" tabindex="0" role="region" aria-label="Earlier runs of each job"><table><thead><tr><th scope="col">job</th><th scope="col">earlier runs</th><th scope="col">failed or broken</th><th scope="col">flaky</th><th scope="col">expected</th><th scope="col">took</th></tr></thead><tbody>${rows}</tbody></table></div>${more}<p class="soft">Newest runs before this one, on the same accelerator. Expected is the median of the latest passes; both times are of first attempts.</p></section>
`;
}

function rowOf(job: JobModel, id: string, past: JobHistory | undefined): Markup[] {
  if (past === undefined) return [];
  const { runs, ran, failed, broken, flaky, expectedMs, accelerator } = past;
  const first = job.attempts[0];
  const took = first === undefined ? "–" : formatDuration(first.durationMs);
  const expected = expectedMs === null ? "–" : formatDuration(expectedMs);
  const name = markup`<a href="#${id}">${oneLine(job.id)}</a>`;
  return [
    markup`<tr><th scope="row">${name}</th><td class="number">${runs} on ${oneLine(accelerator, 40)}</td><td class="number">${rateWords(failed + broken, ran)}</td><td class="number">${rateWords(flaky, ran)}</td><td class="number">${expected}</td><td class="number">${took}</td></tr>
`,
  ];
}
