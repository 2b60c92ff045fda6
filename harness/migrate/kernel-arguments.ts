/** The kernel arguments of a host, as `rpm-ostree kargs` prints them, and those of them that belong into an image's kargs.d. Pure. */
import { UsageError } from "../base/errors.ts";
import { oneLine, stripControls } from "../log/clean-text.ts";

/** What names this machine's own disk, its deployment or the loader's file; an image is for other machines, too. */
const machinesOwn =
  /^(?:root|rootflags|rootfstype|ro|rw|ostree|composefs|BOOT_IMAGE|initrd|resume|resume_offset|boot|rd\.luks[.\w]*|luks[.\w]*|rd\.lvm[.\w]*|rd\.md[.\w]*|ignition[.\w]*)(?:=|$)/;

/** The words of a command line: parted by blanks outside of double quotes (kernel documentation, kernel-parameters). */
export function parseKernelArguments(text: string): readonly string[] {
  const words = stripControls(text).match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  if (words.length > 0 && words.length <= 1000) return words;
  throw new UsageError(
    words.length === 0
      ? "The kernel arguments are empty."
      : "There are more than 1000 kernel arguments; no kernel takes so many.",
    {
      details: {
        "to do": "save what `rpm-ostree kargs` prints",
        got: oneLine(text, 100) || "nothing",
      },
    },
  );
}

/** A file for `/usr/lib/bootc/kargs.d` (bootc, `docs/src/building/kernel-arguments.md`); null where all arguments are the machine's own. */
export function kargsToml(words: readonly string[]): string | null {
  const shared = words.filter((word) => !machinesOwn.test(word));
  // TOML's basic strings have JSON's escapes (toml.io, v1.0.0).
  const list = shared.map((word) => `  ${JSON.stringify(word)},\n`).join("");
  return shared.length === 0 ? null : `kargs = [\n${list}]\n`;
}
