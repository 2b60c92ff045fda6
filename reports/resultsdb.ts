/**
 * The run as bodies for ResultsDB's `POST /api/v2.0/results`, one a job. Skipped and unstarted jobs have none: Greenwave
 * lets `INFO` satisfy a rule, and a missing result is what holds. A known failure keeps its outcome: waiving it is
 * WaiverDB's work. Values of `data` are strings or lists of them, which is all that ResultsDB can be asked for.
 */
import { oneLine } from "../harness/log/clean-text.ts";
import { errorOf, type JobModel, type RunModel } from "../harness/log/model-schema.ts";
import { placeParts } from "../harness/log/place-parts.ts";
import { type Standing, standingOf } from "../harness/log/run-model.ts";
import { withKnown } from "./known-words.ts";
import { standingWord } from "./summary.ts";

/** `NEEDS_INSPECTION` where we cannot tell: `ERROR` exists only where a server was set up for it. */
const outcomes: Readonly<Record<Standing, "PASSED" | "FAILED" | "NEEDS_INSPECTION" | null>> = {
  passed: "PASSED",
  flaky: "NEEDS_INSPECTION",
  failed: "FAILED",
  broken: "NEEDS_INSPECTION",
  skipped: null,
  notRun: null,
};

/** A JSON array of request bodies, each with the digest of the candidate (or of the only image) as its item. */
export function resultsDb(model: RunModel): string {
  const bodies = model.jobs.flatMap((job) => {
    const outcome = outcomes[standingOf(job)];
    return outcome === null ? [] : [bodyOf(model, job, outcome)];
  });
  return `${JSON.stringify(bodies, null, 2)}\n`;
}

function bodyOf(model: RunModel, job: JobModel, outcome: string) {
  const image = job.images.candidate ?? Object.values(job.images)[0];
  const { known, cell } = job;
  const { architecture, firmware } = job.machine;
  // Ways of installing one image are told apart; without them the words are as they always were.
  const way = cell?.disk === undefined ? [] : [cell.disk];
  const headline = errorOf(job.outcome)?.headline;
  const note = headline === undefined ? undefined : withKnown(job, oneLine(headline));
  return {
    testcase: `bootgate.${oneLine(job.scenario).replaceAll("/", ".")}`,
    outcome,
    ...(note === undefined ? {} : { note: oneLine(job.flaky ? `flaky: ${note}` : note, 1000) }),
    groups: [model.run],
    data: {
      item: image?.digest ?? "",
      type: "bootc-image",
      image: image?.name ?? "",
      system_architecture: architecture,
      system_variant: firmware,
      scenario: [...placeParts(job.machine), ...way].join("."),
      harness: model.harness,
      // NEEDS_INSPECTION is both "flaky" and "broken".
      standing: standingWord(standingOf(job)),
      ...(known === null
        ? {}
        : {
            known_failure: known.expired ? "expired" : "active",
            known_failure_tracker: oneLine(known.tracker),
            known_failure_until: oneLine(known.until, 20),
            true_outcome: job.outcome.kind,
          }),
      deviations: [
        ...new Set(job.attempts.flatMap((attempt) => attempt.deviations.map(({ id }) => id))),
      ],
    },
  };
}
