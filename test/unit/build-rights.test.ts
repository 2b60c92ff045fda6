/** What is said of a host on which the reference OS can be built, and of one on which it cannot. */
import { expect, test } from "vitest";
import { buildWarning, namespaceWords } from "../../harness/setup/build-rights.ts";

const refusal = {
  reason: "newuidmap is not installed",
  toDo: "install the package uidmap",
};

test.each([
  [{ isRoot: true, refusal: null, hasSudo: false }, "not needed: this user is root"],
  [
    { isRoot: false, refusal: null, hasSudo: false },
    "work: the reference OS can be built without root",
  ],
  [
    { isRoot: false, refusal, hasSudo: true },
    "do not work: newuidmap is not installed; the reference OS is built through sudo",
  ],
])("%j does not stop a build", (rights, words) => {
  expect(namespaceWords(rights)).toBe(words);
  expect(buildWarning(rights)).toBeNull();
});

test("without root, namespaces and sudo the set-up says why, and what to do", () => {
  expect(buildWarning({ isRoot: false, refusal, hasSudo: false })).toBe(
    "User namespaces do not work: newuidmap is not installed; without them or root the reference OS cannot be built (install the package uidmap).",
  );
});
