/** What several test files share cannot be changed by one of them: they run in one process, in any order. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { changeable, frozen } from "../golden/frozen.ts";
import { type Fate, smallEvents, smallRun } from "../golden/gate-runs.ts";
import { hostileRun } from "../golden/report-hostile.ts";

const folders = ["../golden", "./support"].map((folder) => join(import.meta.dirname, folder));
const modules = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name)),
);

test.each(modules)("%s exports nothing that can be changed", async (path) => {
  const exports = Object.entries((await import(path)) as Record<string, unknown>);
  const open = exports.flatMap(([name, value]) =>
    changeable(value).map((where) => `${name} ${where}`),
  );
  expect(open).toEqual([]);
});

/** All objects in a value that can be changed. */
function changeableObjects(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== "object" || value === null || found.has(value)) return found;
  if (!Object.isFrozen(value)) found.add(value);
  for (const part of Object.values(value)) changeableObjects(part, found);
  return found;
}

const fates: readonly Fate[] = [
  "passed",
  "failed",
  "broken",
  "skipped",
  "not-run",
  "flaky",
  "open",
  "empty",
];
const builders: readonly (readonly [string, () => unknown])[] = [
  ...fates.flatMap((fate): [string, () => unknown][] => [
    [`the events of a run that is ${fate}`, () => smallEvents({ fates: { "boot/health": fate } })],
    [`a run that is ${fate}`, () => smallRun({ fates: { "boot/health": fate } })],
  ]),
  ["a hostile run", () => hostileRun("<script>")],
];

test.each(builders)("%s is made again at each call", (_, build) => {
  const first = changeableObjects(build());
  expect(first.size).toBeGreaterThan(0);
  expect([...changeableObjects(build())].filter((part) => first.has(part))).toEqual([]);
});

test("what is frozen refuses every change, in maps, sets and dates too", () => {
  const sample = frozen({
    list: [{ a: 1 }],
    map: new Map([["k", { b: 1 }]]),
    set: new Set([1]),
    at: new Date(0),
  });
  expect(changeable(sample)).toEqual([]);
  expect(() => sample.list.push({ a: 2 })).toThrow(TypeError);
  expect(() => Object.assign(sample.list[0] ?? {}, { a: 2 })).toThrow(TypeError);
  expect(() => Object.assign(sample.map.get("k") ?? {}, { b: 2 })).toThrow(TypeError);
  expect(() => sample.map.set("l", { b: 1 })).toThrow(TypeError);
  expect(() => sample.set.clear()).toThrow(TypeError);
  expect(() => sample.at.setTime(1)).toThrow(TypeError);
  expect(changeable({ list: Object.freeze([{ a: 1 }]) })).toEqual([".", ".list.0"]);
});
