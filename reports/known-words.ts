/** The words for a failure that is listed as known: the tracker, and until when it counts. */
import type { JobModel } from "./model-schema.ts";

/** What reports say beside the outcome of a known failure; null for any other. */
export function knownWords({ known }: Pick<JobModel, "known">): string | null {
  if (known === null) return null;
  const { tracker, until, expired } = known;
  return expired
    ? `known until ${until}, which is over: ${tracker}`
    : `known until ${until}: ${tracker}`;
}
