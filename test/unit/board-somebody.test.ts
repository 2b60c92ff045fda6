/** Several boards of one run share the person at the terminal, who is asked for one act at a time. */
import { afterEach, expect, test } from "vitest";
import { somebody } from "../../harness/machine/board/module.ts";

const streams = [process.stdin, process.stderr] as const;
const were = streams.map(({ isTTY }) => isTTY);
const pretend = (isTTY: boolean): void => {
  for (const stream of streams) Object.assign(stream, { isTTY });
};
afterEach(() => {
  for (const [index, stream] of streams.entries()) Object.assign(stream, { isTTY: were[index] });
});

test("all boards have the same person, and none where nobody sits there", () => {
  pretend(true);
  const person = somebody();
  expect(person).not.toBeNull();
  expect(somebody()).toBe(person);
  pretend(false);
  expect(somebody()).toBeNull();
});
