/** "Did you mean": the known word that a mistyped one is closest to, for the command line and for every file people write. */
import slipsBetween from "damerau-levenshtein";

/**
 * The candidate nearest to `word`, or null when none is near enough to be meant. Near is at most one slip (a letter
 * wrong, missing, extra, or two swapped) for every three letters; case does not count; a beginning of at least three
 * letters counts as meant when it is the beginning of one candidate only.
 */
export function nearestWord(word: string, candidates: Iterable<string>): string | null {
  const typed = fold(word);
  const known = [...candidates];
  const limit = Math.max(1, Math.floor(typed.length / 3));
  let best: { readonly candidate: string; readonly distance: number } | null = null;
  for (const candidate of known) {
    const { steps: distance } = slipsBetween(typed, fold(candidate));
    if (distance <= limit && (best === null || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  if (best !== null) return best.candidate;
  const longer = typed.length < 3 ? [] : known.filter((name) => fold(name).startsWith(typed));
  return longer.length === 1 ? (longer[0] ?? null) : null;
}

/** `; did you mean 'x'?` or nothing: to be put behind a sentence that says what is unknown. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const nearest = nearestWord(word, candidates);
  return nearest === null ? "" : `; did you mean '${nearest}'?`;
}

/** Longer words are cut: nobody types them, and the distance costs length times length. */
const fold = (text: string): string => text.slice(0, 100).toLowerCase();
