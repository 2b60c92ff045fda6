import { expect, test } from "vitest";
import { isAtLeast, versionIn } from "../../harness/guest/tools/program-version.ts";

test.each([
  ["bootc 1.16.9", "1.12", true],
  ["bootc 1.12.0", "1.12", true],
  ["bootc 1.9.12", "1.12", false],
  ["bootc 1.1.4 (simulated)", "1.12", false],
  ["bootc 2.0", "1.12", true],
  ["dnf5 version 5.4.6.0\ndnf5 plugin API version 2.0", "5.4.6", true],
  ["systemd 262 (262~rc1-1)", "256", false],
  ["no version", "1.0", false],
] as const)("'%s' is at least %s: %s", (text, least, expected) => {
  expect(isAtLeast(text, least)).toBe(expected);
});

test("a version is looked for in the beginning only", () => {
  expect(versionIn(`${"x".repeat(600)} 1.2`)).toEqual([]);
});
