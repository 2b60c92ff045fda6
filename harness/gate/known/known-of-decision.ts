/**
 * Known failures that only the verdict met: it may have been given another list than the run, or a later one. The page
 * that begins with the verdict then tells them as the verdict did.
 */
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { ErrorModel, JobModel, RunModel } from "../../log/model-schema.ts";
import type { ShownDecision as Decision, Decision as WholeDecision } from "../verdict/decision.ts";

/** The run with what the decision says of its failures; what the run's own log says stands. */
export function withKnownOf(decision: Decision | undefined, model: RunModel): RunModel {
  const hits = decision?.knownFailures ?? [];
  if (hits.length === 0) return model;
  return { ...model, jobs: model.jobs.map((job) => withHit(job, hits)) };
}

function withHit(job: JobModel, hits: WholeDecision["knownFailures"]): JobModel {
  const { known, outcome } = job;
  if (known !== null || (outcome.kind !== "failed" && outcome.kind !== "broken")) return job;
  // A decision may be on several runs, and a job of the same name may have failed in another way in another of them.
  const hit = hits.find(
    ({ job: id, trueOutcome, words }) =>
      id === job.id && trueOutcome === outcome.kind && says(outcome.error, words),
  );
  if (hit === undefined) return job;
  const { tracker, until, expired, words } = hit;
  return { ...job, known: { tracker, until, expired, words } };
}

const says = ({ headline, message, ownWords = "" }: ErrorModel, words: string): boolean =>
  `${headline}\n${message}\n${ownWords}`
    .split("\n")
    .some((line) => defuseCommands(oneLine(line)) === words);
