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
const listeners = (): (readonly [string, number])[] =>
  process
    .eventNames()
    .filter((name) => name !== "exit")
    .map((name) => [`listeners of ${String(name)}`, process.listenerCount(name)]);

/** What of the process a test could change, by name. */
const state = (): Map<string, unknown> =>
  new Map<string, unknown>([
    ...Object.entries(process.env).map(([name, value]) => [`variable ${name}`, value] as const),
    ...listeners(),
    // A library that a test loads late leaves its own.
    ...Object.getOwnPropertyNames(globalThis)
      .filter((name) => !name.startsWith("__zod_"))
      .map((name) => [`global ${name}`, true] as const),
    ["working directory", process.cwd()],
    ["umask", process.umask()],
    ["exit code", process.exitCode],
    ["fake timers", vi.isFakeTimers()],
    ["process.stdout.write", process.stdout.write],
    ["process.stderr.write", process.stderr.write],
    ["console.log", console.log],
    ["console.error", console.error],
  ]);

/** Names only: the values of variables may be secrets of a CI. */
function changed(): string[] {
  const after = state();
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
}

let before = new Map<string, unknown>();
let openBefore = new Map<string, number>();

beforeAll(() => {
  before = state();
  openBefore = openThings();
});

afterAll(async () => {
  expect(changed(), "what a test file has to leave as it found it").toEqual([]);
  const left = (): string[] =>
    [...openThings()].flatMap(([kind, count]) =>
      count > (openBefore.get(kind) ?? 0) ? [kind] : [],
    );
  // What was ended a moment ago may need some turns of the loop to be gone.
  for (let turn = 0; turn < 40 && left().length > 0; turn++) await sleep(25);
  expect(left(), "what a test file left open").toEqual([]);
});
