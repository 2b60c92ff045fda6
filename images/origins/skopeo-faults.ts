/** What skopeo's words mean: from its error output to an error with whose fault it is, by the table of skopeo-fault-rows.ts. */
import { basename } from "node:path";
import { type BootgateError, HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { maskSecrets } from "../../harness/base/secrets.ts";
import type { FaultContext } from "./skopeo-fault-row.ts";
import { rows } from "./skopeo-fault-rows.ts";

export type { FaultContext, SkopeoSource } from "./skopeo-fault-row.ts";

export interface Fault {
  /** For tests and people: which row it was. */
  readonly id: string;
  readonly error: BootgateError;
  /** Whether the same may work a moment later. */
  readonly again: boolean;
}

/** Says what went wrong. Words that no row knows are the host's trouble, quoted: nothing shows a fault of anybody else. */
export function explainSkopeo(stderr: string, context: FaultContext): Fault {
  const said = wordsOf(stderr);
  const judged = withoutNames(said, context);
  const row = rows.find(
    ({ words, source, resolved }) =>
      (source === undefined || source === context.source) &&
      (resolved === undefined || context.isResolved === true) &&
      words.test(judged),
  );
  const details = { "to do": row?.toDo?.(context), "skopeo said": said === "" ? undefined : said };
  if (row === undefined) {
    const error = new HostUnfit(`'${context.name}' could not be read.`, { details });
    return { id: "unknown", error, again: false };
  }
  const options = { details };
  const headline = row.headline(context);
  const error =
    row.blame === "caller" ? new UsageError(headline, options) : new HostUnfit(headline, options);
  return { id: row.id, error, again: row.again ?? false };
}

/**
 * The message without what the caller wrote: skopeo repeats reference, tag, host and path, and a tag like `pr-429` is not a
 * status of HTTP. A tag alone goes only where skopeo puts one, since a message may have the same word.
 */
function withoutNames(said: string, { name, host, source }: FaultContext): string {
  const bare = name.replace(/^(?:(?:oci|docker)-archive|containers-storage|docker):(?:\/\/)?/, "");
  const repository = bare.replace(/@.*$/s, "").replace(/:[^/:]*$/, "");
  const path = host === null ? "" : repository.slice(host.length + 1);
  const file = source === "archive" ? basename(bare.replace(/:.*$/s, "")) : "";
  const names = [name, bare, repository, host ?? "", file, path].filter((word) => word !== "");
  let rest = said.replaceAll(/\b[a-z-]+:\/\/[^\s"']+|\breading manifest \S+ in /g, " … ");
  for (const one of names.sort((a, b) => b.length - a.length)) {
    // One plain word could be any word of the message, but for where a name stands in it.
    const before = /[/:@.]/.test(one) ? "(?<![\\w.-])" : '(?<=[/:"\\]])';
    rest = rest.replaceAll(new RegExp(`${before}${escaped(one)}(?![\\w-])`, "g"), "…");
  }
  return rest;
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/**
 * The message of skopeo's last line, without its logging frame, without what a signed address or a password would give
 * away: queries of addresses, user names before a host, and what a credential helper printed. It is cut when that is gone.
 */
export function wordsOf(stderr: string): string {
  const frame = 'level=fatal msg="';
  const start = stderr.lastIndexOf(frame);
  if (start < 0) return ends(redact(stderr.slice(0, longest).trim()));
  const [line = ""] = stderr.slice(start + frame.length, start + longest).split("\n", 1);
  return ends(unescapeGo(redact(line.slice(0, line.lastIndexOf('"')))));
}

/** Characters of a message that are looked at. */
const longest = 64 * 1024;

/** A long message wraps the reason in what was done, and may end with a whole page that a server sent: both ends count. */
const ends = (text: string): string =>
  text.length <= 1600 ? text : `${text.slice(0, 800)} … ${text.slice(-800)}`;

const unescapeGo = (text: string): string =>
  text.replaceAll(/\\(["\\nt])/g, (_, letter: string) =>
    letter === "n" ? "\n" : letter === "t" ? " " : letter,
  );

/** Without secrets that addresses and headers of requests may carry. */
const redact = (text: string): string =>
  maskSecrets(text).replaceAll(/\b(Bearer|Basic) +[A-Za-z0-9+/=._-]+/g, "$1 …");
