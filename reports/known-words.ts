/**
 * The words for a failure that is listed as known: the tracker, and until when it counts. They stand before the
 * failure's own words, since readers cut long lines at the end, and never in the place of the outcome.
 */
import { oneLine } from "../harness/log/clean-text.ts";
import type { JobModel } from "../harness/log/model-schema.ts";

type Known = Pick<JobModel, "known">;

/** What reports say beside the outcome of a known failure; null for any other. */
export function knownWords({ known }: Known): string | null {
  if (known === null) return null;
  const until = oneLine(known.until, 20);
  const tracker = oneLine(known.tracker);
  return known.expired
    ? `known until ${until}, which is over: ${tracker}`
    : `known until ${until}: ${tracker}`;
}

/** The first line of a failing case: what is known of it, then what went wrong. */
export function withKnown(job: Known, headline: string): string {
  const words = knownWords(job);
  return words === null ? headline : `${words} — ${headline}`;
}

/** What follows the outcome where there is room for a word only. */
export function knownMark({ known }: Known): string {
  if (known === null) return "";
  return known.expired ? " (known, expired)" : " (known)";
}
