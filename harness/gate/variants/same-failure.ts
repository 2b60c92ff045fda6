/**
 * Whether two jobs failed in the same step with the same words. The words are the harness's own, those that known failures
 * are looked for in: what a guest said is not in them. Digests, times and sizes are taken out too, and the names of the images.
 */
import { oneLine } from "../../log/clean-text.ts";
import { errorOf, type JobModel } from "../../log/model-schema.ts";
import { failedStep } from "../known/known-failures.ts";

export interface Failure {
  /** Null: it failed outside of a step. */
  readonly step: string | null;
  readonly words: string;
}

/**
 * How a job failed by the image's fault; null for every other outcome, also where it failed in several ways or passed when it
 * was tried again. What broke by the host or the harness is nobody's image's.
 */
export function failureOf(job: JobModel): Failure | null {
  if (job.outcome.kind !== "failed" || job.flaky) return null;
  const failures = new Map(
    job.attempts.flatMap((attempt) => {
      const { outcome } = attempt;
      const error = outcome.kind === "failed" ? errorOf(outcome) : null;
      if (error === null) return [];
      const step = failedStep(attempt);
      const words = wordsOf(error.ownWords ?? error.headline, job);
      return [[JSON.stringify([step, error.type, words]), { step, words }]];
    }),
  );
  const [only] = failures.values();
  return failures.size === 1 && only !== undefined ? only : null;
}

const measured = /\b\d+(?:\.\d+)? (?:ms|s|min|B|KiB|MiB|GiB)\b/g;

function wordsOf(headline: string, { images, cell }: JobModel): string {
  const names = Object.values(images).map(({ name }) => name);
  const own = [...names, ...(cell === undefined ? [] : [cell.image])].filter(
    ({ length }) => length > 3,
  );
  let words = headline.replace(/sha256:[0-9a-f]{8,64}/g, "…").replace(measured, "…");
  for (const name of own) words = words.replaceAll(name, "…");
  return oneLine(words);
}
