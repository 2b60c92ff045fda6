import { expect, test } from "vitest";
import { SkopeoLog } from "../../images/origins/skopeo-log.ts";

/** As skopeo 1.9.3 (Debian 12) wrote it on 2026-11-27, against a server that answers 429 with `Retry-After: 60`. */
const recorded = `time="2026-11-27T18:09:03Z" level=debug msg="GET http://localhost:5601/v2/you/os/manifests/x"
time="2026-11-27T18:09:03Z" level=debug msg="Detected 'Retry-After' header \\"60\\""
time="2026-11-27T18:09:03Z" level=debug msg="Too many requests to http://localhost:5601/v2/you/os/manifests/x: sleeping for 60.000000 seconds before next attempt"
`;
const fatal = `time="2026-11-27T18:10:03Z" level=fatal msg="too many requests to registry"\n`;

function listen(...pieces: readonly string[]): { log: SkopeoLog; waits: readonly number[] } {
  const waits: number[] = [];
  const log = new SkopeoLog((ms) => waits.push(ms));
  for (const piece of pieces) log.hear(piece);
  return { log, waits };
}

test("a wait is heard, once for all requests that wait at once", () => {
  const before = performance.now();
  const { log, waits } = listen(recorded, recorded);
  expect(waits).toEqual([60_000]);
  expect(log.waitsUntil).toBeGreaterThanOrEqual(before + 60_000);
});

test("pieces of lines are put together, and what it only tells of its work is not among its words", () => {
  const { log, waits } = listen(...`${recorded}${fatal}`);
  expect(waits).toEqual([60_000]);
  expect(log.words.trim()).toBe(fatal.trim());
});

test("other words are kept, at most so many, and a long line loses its end", () => {
  const { log } = listen("setpriv: failed to execute skopeo\n", "x".repeat(200_000), "y\nlast");
  expect(log.words).toMatch(/^setpriv: failed to execute skopeo\nx{65536}\nlast$/);
  const many = listen("a line\n".repeat(10_000)).log.words;
  expect(many.split("\n")).toHaveLength(21);
  expect(listen('level=fatal msg="sleeping for 5 seconds"').log.waitsUntil).toBe(0);
});
