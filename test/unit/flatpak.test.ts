/** What flatpak lists, and what it is not. */
import { expect, test } from "vitest";
import { parseFlatpaks } from "../../harness/guest/tools/flatpak.ts";

/** Printed by flatpak 1.18.4, piped. */
const real = "org.bootgate.Kept/x86_64/1\tfd5380614270\n";

test.each([
  [real, ["org.bootgate.Kept/x86_64/1 fd5380614270"]],
  ["", []],
  [
    "runtime/b/x86_64/1\t22\nruntime/a/x86_64/1\t11\n",
    ["runtime/a/x86_64/1 11", "runtime/b/x86_64/1 22"],
  ],
  // A heading, and what a broken installation warns of.
  ["Ref\tActive commit\nwarning: nothing\n", []],
])("%j", (text, refs) => expect(parseFlatpaks(text)).toEqual(refs));
