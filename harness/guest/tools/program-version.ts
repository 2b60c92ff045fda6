/** Versions as programs tell them (`bootc 1.16.9`, `dnf5 version 5.4.6.0`), for stories about what a later one has. Pure. */

/** The numbers of the first version in a text; empty where there is none. */
export const versionIn = (text: string): readonly number[] =>
  (/\b\d+(?:\.\d+){1,3}/.exec(text.slice(0, 500))?.[0] ?? "")
    .split(".")
    .filter(Boolean)
    .map(Number);

/** Whether the version that a program tells is `least` (`1.12`) or newer. False where it tells none. */
export function isAtLeast(text: string, least: string): boolean {
  const [got, wanted] = [versionIn(text), least.split(".").map(Number)];
  if (got.length === 0) return false;
  const place = wanted.findIndex((part, index) => part !== (got[index] ?? 0));
  return place < 0 || (got[place] ?? 0) > (wanted[place] ?? 0);
}
