// Asserts after each file of a tier whose files share a process that it leaves the process as it found it. What one
// file leaves, the next would find, and only in some orders.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, vi } from "vitest";

/** How many things of each kind keep the process alive. Pipes are vitest's own. */
function openThings(): Map<string, number> {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !/^Pipe/.test(kind));
  return new Map(kinds.map((kind) => [kind, kinds.filter((other) => other === kind).length]));
}

/** Listeners of the process. Those of `exit` are left out: they belong to whatever lives as long as it. */
const listeners = () =>
  Object.fromEntries(
    process
      .eventNames()
      .filter((name) => name !== "exit")
      .map((name) => [name, process.listenerCount(name)]),
  );

const state = () => ({
  environment: { ...process.env },
  directory: process.cwd(),
  mask: process.umask(),
  exitCode: process.exitCode,
  listeners: listeners(),
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  clockIsReal: !vi.isFakeTimers(),
  output: [process.stdout.write, process.stderr.write, console.log, console.error],
});

let before: ReturnType<typeof state> | undefined;
let openBefore = new Map<string, number>();

beforeAll(() => {
  before = state();
  openBefore = openThings();
});

afterAll(async () => {
  expect(state(), "what a test file has to leave as it found it").toEqual(before);
  const left = (): string[] =>
    [...openThings()].flatMap(([kind, count]) =>
      count > (openBefore.get(kind) ?? 0) ? [kind] : [],
    );
  // What was ended a moment ago may need some turns of the loop to be gone.
  for (let turn = 0; turn < 20 && left().length > 0; turn++) await sleep(25);
  expect(left(), "what a test file left open").toEqual([]);
});
