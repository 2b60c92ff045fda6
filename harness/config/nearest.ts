/** "Did you mean": the known word that a mistyped one is closest to, for the command line and for every file people write. */

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
    const distance = editDistance(typed, fold(candidate));
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

/** Optimal string alignment distance: insertions, deletions, substitutions, swaps of neighbours. */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      const swapped =
        row > 1 &&
        column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, right.length);
}

const at = (row: readonly number[], column: number): number =>
  row[column] ?? Number.POSITIVE_INFINITY;
