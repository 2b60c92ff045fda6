/**
 * Guest text made fit to print. A guest can print anything: escape sequences, NULs, half characters, a CI's annotation
 * commands, ten megabytes in a row. The run model cleans each string once at the door, so a format only has to escape
 * for its own syntax.
 */
import { escapeCodes } from "../base/escape-codes.ts";

/** All that XML 1.0 forbids, the C1 controls, and the marks that reorder text on the screen. */
const unprintable =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;
const loneSurrogate = /\p{Surrogate}/gu;
/** Nearly all text is plain ASCII already; looking once is ten times quicker than replacing four times. */
const notPlain = /[^\t\n\x20-\x7e]/;
const notFlat = /[\t\n]| {2}|^ | $/;

/** Escape sequences and control characters removed, line ends made `\n`, half characters replaced by U+FFFD. */
export function stripControls(text: string): string {
  if (!notPlain.test(text)) return text;
  return text
    .replace(escapeCodes, "")
    .replace(/\r\n?/gu, "\n")
    .replace(unprintable, "")
    .replace(loneSurrogate, "\ufffd");
}

/**
 * Clean text of at most `maxLength` UTF-16 units; what was cut is counted in its last line. Only about `maxLength` of
 * the input is looked at, so a huge input costs nothing.
 */
export function cleanText(text: string, maxLength: number): string {
  const head = text.length > maxLength * 2 ? text.slice(0, maxLength * 2) : text;
  const clean = stripControls(head);
  if (clean.length <= maxLength && head.length === text.length) return clean;
  const dropped = text.length - Math.min(clean.length, maxLength);
  const mark = `\n[${dropped} more characters were cut]`;
  return stripControls(clean.slice(0, Math.max(0, maxLength - mark.length))) + mark;
}

/** The first line's worth of a text: white space collapsed, at most `maxLength` long, an ellipsis where it was cut. */
export function oneLine(text: string, maxLength = 300): string {
  if (text.length <= maxLength && !notPlain.test(text) && !notFlat.test(text)) return text;
  const flat = stripControls(text.slice(0, maxLength * 4))
    .replace(/\s+/gu, " ")
    .trim();
  if (flat.length <= maxLength && text.length <= maxLength * 4) return flat;
  return `${stripControls(flat.slice(0, maxLength - 1)).trimEnd()}…`;
}

/**
 * Breaks what a CI would obey on its log: `::error::` at the start of a line (GitHub and Forgejo trim white space
 * first), and `##[…]`, `##vso[…]`, `##teamcity[…]`, which are obeyed anywhere in a line. GitLab's `section_start:…`
 * needs no help: it is obeyed only with a carriage return and an escape behind it, which clean text does not have.
 */
export function defuseCommands(text: string): string {
  return text.replace(/^(\s*):(?=:)/gmu, "$1: ").replace(/##(?=\w*\[)/gu, "# #");
}

/** Breaks `[[ATTACHMENT|…]]`, by which Jenkins and GitLab would fetch a file that the guest chose. */
export function defuseAttachments(text: string): string {
  return text.includes("[[") ? text.replace(/\[\[(?=ATTACHMENT)/giu, "[ [") : text;
}

/** Text for a reader of attachments whose file somebody may also print in a CI's job: neither obeys anything in it. */
export const defuse = (text: string): string => defuseAttachments(defuseCommands(text));

/** One line for an XML attribute that CI readers look at. */
export const attributeLine = (text: string, maxLength?: number): string =>
  defuse(oneLine(text, maxLength));

/**
 * Every string inside plain data, cleaned and capped; keys of records included. What is clean is returned as it is and
 * not copied: nearly all events are, and a large run has a hundred thousand.
 */
export function cleanDeep<T>(value: T, maxLength: number): T {
  return cleanValue(value, maxLength) as T;
}

function cleanValue(value: unknown, maxLength: number): unknown {
  if (typeof value === "string") return cleanText(value, maxLength);
  if (Array.isArray(value)) {
    const items = value.map((item) => cleanValue(item, maxLength));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  let isClean = true;
  const cleaned = entries.map(([key, item]): [string, unknown] => {
    const entry: [string, unknown] = [cleanText(key, 200), cleanValue(item, maxLength)];
    isClean &&= entry[0] === key && entry[1] === item;
    return entry;
  });
  return isClean ? value : Object.fromEntries(cleaned);
}
