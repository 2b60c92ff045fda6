import { expect, test } from "vitest";
import { didYouMean, editDistance, nearestWord } from "../../harness/config/nearest.ts";

test.each([
  ["upgrade", "upgrade", 0],
  ["ugprade", "upgrade", 1],
  ["upgrad", "upgrade", 1],
  ["kitten", "sitting", 3],
  ["", "abc", 3],
])("from %s to %s it takes %i slips", (left, right, distance) => {
  expect(editDistance(left, right)).toBe(distance);
  expect(editDistance(right, left)).toBe(distance);
});

const known = ["bootc/upgrade-rollback", "bootc/switch", "boot/health", "run", "report"];
test.each([
  ["bootc/upgrade-rolback", "bootc/upgrade-rollback"],
  ["boot/heatlh", "boot/health"],
  ["RUN", "run"],
  ["rnu", "run"],
  ["repo", "report"],
  ["xyz", null],
  ["boot", null],
  ["", null],
  ["r".repeat(100_000), null],
])("%s means %s", (word, expected) => {
  expect(nearestWord(word, known)).toBe(expected);
});

test("the hint is the end of a sentence or nothing", () => {
  expect(didYouMean("rnu", known)).toBe("; did you mean 'run'?");
  expect(didYouMean("qqqq", known)).toBe("");
});
