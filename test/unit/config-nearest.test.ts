import { expect, test } from "vitest";
import { didYouMean, nearestWord } from "../../harness/config/nearest.ts";

const known = ["bootc/upgrade-rollback", "bootc/switch", "boot/health", "run", "report"];
test.each([
  ["bootc/upgrade-rolback", "bootc/upgrade-rollback"],
  ["boot/heatlh", "boot/health"],
  ["RUN", "run"],
  ["rnu", "run"],
  ["runn", "run"],
  ["bootc/swich", "bootc/switch"],
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
