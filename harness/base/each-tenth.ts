/** Progress for people: a line for each tenth of the way, and not for each of a thousand pieces. */

/**
 * Calls `tell` once for each tenth that is passed, but for the last: what comes then says that it is done. What is through in
 * seconds is worth no line: `leastMs` must have gone by since the begin or the line before.
 */
export function eachTenth(
  tell: (done: number, total: number) => void,
  leastMs = 0,
): (done: number, total: number) => void {
  let told = 0;
  let toldAt = performance.now();
  return (done, total) => {
    const tenths = total === 0 ? 0 : Math.min(10, Math.floor((done / total) * 10));
    const now = performance.now();
    if (tenths <= told || tenths === 10 || now - toldAt < leastMs) return;
    told = tenths;
    toldAt = now;
    tell(done, total);
  };
}
