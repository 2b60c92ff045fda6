/** Which case of the self-test proves that a scenario can fail, and why one has none. What is listed here is shown to people. */
import { selftestCases } from "./selftest.ts";
import type { SelftestCase } from "./selftest-case.ts";

/** What of a scenario counts here. */
interface Story {
  readonly id: string;
  /** Two scenarios that tell one story are proved by the cases of either. */
  readonly definition: { readonly run: unknown };
}

/** Scenarios that no broken image of the reference OS can be made for, and why; what they fail on is rehearsed only. */
export const withoutCase: Readonly<Record<string, string>> = {
  "composefs/tampered-image":
    "the disks of the self-test are ostree's, which holds the image of the root to a digest only where it is signed; test/full plays it on the composefs backend",
  "desktop/session":
    "the reference OS does not have an edition with a desktop; a display manager that fails, loops or brings nobody is rehearsed",
  "greenboot/green":
    "the reference OS does not have an edition with greenboot; both of its dialects and their ways to fail are rehearsed",
  "greenboot/falls-back":
    "the reference OS does not have an edition with greenboot; both of its dialects and their ways to fail are rehearsed",
  "power/cut-upgrade":
    "no edition of the reference OS loses what it flushed or changes its boot loader entries in the wrong order; disks that boot nothing or another image are rehearsed, and disks with a missing part are read for real in test/drivers",
  "boot/tpm-unlock":
    "the reference OS does not have an edition whose root lies on LUKS with a token of a TPM; both ways to fail are rehearsed",
};

/** The cases by which a scenario is seen to fail, those of a story that is told twice included. */
export function casesAgainst({ id, definition }: Story, all: readonly Story[]): SelftestCase[] {
  const same = all.filter((one) => one.definition.run === definition.run).map((one) => one.id);
  return selftestCases.filter(
    ({ scenario, expect }) =>
      expect.outcome !== "passed" && (scenario === id || same.includes(scenario)),
  );
}
