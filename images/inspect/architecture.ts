/**
 * For which architecture a disk was made: by its partitions' types, the boot loader on its EFI partition, then the words
 * of its name. What a disk says itself goes before what somebody called it.
 */
import { UsageError } from "../../harness/base/errors.ts";
import type { Architecture } from "../image.ts";
import type { Partition } from "./partition-table.ts";

/** Type of the EFI system partition (UEFI 2.10, table 5.7). */
export const espType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/**
 * Partition types that only one architecture has: root and /usr of the Discoverable Partitions Specification
 * (uapi-group.org), GRUB's BIOS boot partition, and PReP of PowerPC.
 */
const ofType: Readonly<Record<string, string>> = {
  "4f68bce3-e8cd-4db1-96e7-fbcaf984b709": "x86_64",
  "8484680c-9521-48c6-9c11-b0720656f69e": "x86_64",
  "21686148-6449-6e6f-744e-656564454649": "x86_64",
  "b921b045-1df0-41c3-af44-4c6f280d3fae": "aarch64",
  "b0e01050-ee5f-4390-949a-9101b17104e9": "aarch64",
  "c31c45e6-3f39-412e-80fb-4809c4980599": "ppc64le",
  "9e1a2d38-c612-4316-aa26-8b49521e5a8b": "ppc64le",
  "72ec70a6-cf74-40e6-bd49-4bda08e8f224": "riscv64",
  "beaec34b-8442-439b-a40b-984381ed097d": "riscv64",
  "5eead9a9-fe09-4a1e-a1d7-520d00531306": "s390x",
  "8a4f5770-50aa-4ed3-874a-99b710db6fea": "s390x",
  "77055800-792c-4f94-b39a-98c91b762bb6": "loongarch64",
  "e611c702-575c-4cbe-9a46-434fa0bf7e3f": "loongarch64",
  "44479540-f297-41b2-9af7-d131d5f0458a": "i686",
  "69dad710-2ce4-4e3c-b16c-21a1d49abed3": "armv7hl",
};

/** Names of the fallback boot loader (UEFI 2.10, table 3.2). */
const ofLoader: Readonly<Record<string, string>> = {
  BOOTX64: "x86_64",
  BOOTAA64: "aarch64",
  BOOTARM: "armv7hl",
  BOOTRISCV64: "riscv64",
  BOOTLOONGARCH64: "loongarch64",
};

/** Words of names, with what they mean here. */
const ofWord: Readonly<Record<string, string>> = {
  x86_64: "x86_64",
  "x86-64": "x86_64",
  amd64: "x86_64",
  aarch64: "aarch64",
  arm64: "aarch64",
  ppc64le: "ppc64le",
  ppc64el: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  loongarch64: "loongarch64",
  // What Fedora, Debian and OCI (with its variants in container names) call older machines.
  arm64v8: "aarch64",
  armhfp: "armv7hl",
  armv7hl: "armv7hl",
  armhf: "armv7hl",
  i386: "i686",
  i686: "i686",
  ppc64: "ppc64",
};
const words = new RegExp(`(?<![a-z0-9])(?:${Object.keys(ofWord).join("|")})(?![a-z0-9])`, "gi");

/** The one architecture that all of them name, or null: none does, or they are of two minds. */
const agreed = (found: readonly (string | undefined)[]): string | null => {
  const all = new Set(found.filter((one) => one !== undefined));
  const [only] = all;
  return only !== undefined && all.size === 1 ? only : null;
};

/** What the types of a disk's partitions say, or null. */
export const architectureOfPartitions = (partitions: readonly Partition[]): string | null =>
  agreed(partitions.map(({ type }) => ofType[type]));

/** What a listing of /EFI/BOOT says, or null. A loader for both, as installers have, says nothing. */
export const architectureOfLoaders = (listing: string): string | null =>
  agreed(
    [...listing.toUpperCase().matchAll(/\b(BOOT[A-Z0-9]+)\s*\.?\s*EFI\b/g)].map(
      ([, name = ""]) => ofLoader[name],
    ),
  );

/** What a path says: the last word of the file's name, else the nearest folder whose whole name is such a word. Or null. */
export function architectureOfName(path: string): string | null {
  const folders = path.split("/");
  const file = folders.pop() ?? "";
  const word = file.match(words)?.at(-1) ?? folders.findLast((folder) => wholeWord(folder));
  return word === undefined ? null : (ofWord[word.toLowerCase()] ?? null);
}

const wholeWord = (text: string): boolean => Object.hasOwn(ofWord, text.toLowerCase());

/** Throws UsageError for an architecture that bootgate does not boot. */
export function requireSupported(name: string, path: string): Architecture {
  if (name === "x86_64" || name === "aarch64") return name;
  throw new UsageError(`The disk '${path}' is for ${name}; bootgate boots x86_64 and aarch64.`);
}

/**
 * A file's own word, then its name's; where neither says a thing that is said in turn. `name` may carry the fragment of
 * a URL. Throws UsageError for an architecture that bootgate does not boot.
 */
export function architectureOf(
  name: string,
  facts: { readonly architecture: string | null },
  what = "disk",
): { readonly architecture: Architecture; readonly notes: readonly string[] } {
  const plain = name.replace(/#.*/s, "");
  const told = facts.architecture ?? architectureOfName(plain);
  if (told !== null) return { architecture: requireSupported(told, plain), notes: [] };
  const note = `Neither the ${what} '${plain}' nor its name says for which architecture it is: x86_64 is taken (a catalogue entry can say another).`;
  return { architecture: "x86_64", notes: [note] };
}
