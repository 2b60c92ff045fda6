/** Progress for people: a line for each tenth of the way, and not for each of a thousand pieces. */

/** Calls `tell` once for each tenth that is passed, but for the last: what comes then says that it is done. */
export function eachTenth(
  tell: (done: number, total: number) => void,
): (done: number, total: number) => void {
  let told = 0;
  return (done, total) => {
    const tenths = total === 0 ? 0 : Math.min(10, Math.floor((done / total) * 10));
    if (tenths <= told || tenths === 10) return;
    told = tenths;
    tell(done, total);
  };
}
