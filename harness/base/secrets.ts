/**
 * What is told or kept without what may be a secret: in addresses a user name and a password before the host, and the query,
 * which signed addresses carry their signature in; what a credential helper printed, and what files of credentials hold; and
 * each `Secret` of this process, wherever it stands. Errors, events, progress and lines to repeat pass through here.
 */

const hidden = "…";
const known = new Set<string>();

/** Less cannot be told apart from what a text has anyway. Characters. */
export const leastSecret = 8;

/** A value that nobody is to read in a file or on a terminal: it is masked from now on, and prints as `…` itself. */
export class Secret {
  readonly #value: string;

  /** Throws RangeError for one that is too short to be masked. */
  constructor(value: string) {
    if (value.length < leastSecret)
      throw new RangeError(`A secret has ${leastSecret} characters or more.`);
    this.#value = value;
    known.add(value);
    // As quoted words of kickstarts, shells and JSON have it.
    known.add(JSON.stringify(value).slice(1, -1));
  }

  /** The value itself, for the one place that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }
}

/** Of one word: what stands behind `://` up to the host. RFC 3986, 3.2.1; people also write `/` and `@` in it only encoded. A digest behind `@` is not a host. */
const userOf = /:\/\/[^/?#]*@(?!sha256:)/g;

/**
 * Members of JSON that hold a secret in files of credentials (containers-auth.json(5)), in the answers of credential helpers
 * and of token servers. The JSON may stand in a string itself, so that each quote is escaped, and its end may be cut off.
 */
const secretMember =
  /("(?:secret|auth|password|identitytoken|registrytoken|token|access_token|refresh_token)(\\*)"\s*:\s*\2")(?:[^"\\]|(?!\2")\\+[^\\]?)+/gi;

/** The text with each known secret, address and credential in it masked: `https://…@host/path?…#fragment`. Linear in the text's length. */
export function maskSecrets(given: string): string {
  let text = maskHelper(given).replaceAll(secretMember, `$1${hidden}`);
  for (const secret of known) text = text.replaceAll(secret, hidden);
  return text.includes("://") || text.includes("@")
    ? text.replaceAll(/[^\s"'`<>]+/g, maskWord)
    : text;
}

/**
 * What a credential helper printed, which who ran it quotes where it failed: "error getting credentials - err: …, out:
 * `…`" (github.com/docker/docker-credential-helpers, client/client.go). It may have backquotes of its own, and be cut off.
 */
function maskHelper(text: string): string {
  const mark = ", out: `";
  const told = text.indexOf("credentials - err: ");
  const at = told < 0 ? -1 : text.indexOf(mark, told);
  if (at < 0) return text;
  const start = at + mark.length;
  const end = text.startsWith(`${hidden}\``, start)
    ? start + hidden.length
    : Math.max(text.lastIndexOf("`"), start);
  const rest = text[end] === "`" ? text.slice(end) : "`";
  return `${text.slice(0, start)}${hidden}${rest}`;
}

function maskWord(word: string): string {
  const at = word.indexOf("://");
  if (at < 0) return maskBareUser(word);
  const named = word.replaceAll(userOf, `://${hidden}@`);
  const query = named.indexOf("?", named.indexOf("://"));
  if (query < 0) return named;
  const fragment = named.indexOf("#", query);
  return `${named.slice(0, query + 1)}${hidden}${fragment < 0 ? "" : named.slice(fragment)}`;
}

/** A name of an image with a user before its host, without a scheme: `me:word@host/os`, maybe behind `--option=`. */
function maskBareUser(word: string): string {
  const at = word.indexOf("@");
  const colon = word.indexOf(":");
  const slash = word.indexOf("/");
  const next = word.indexOf("@", at + 1);
  if (colon < 1 || at < colon + 2 || slash < at + 2 || (next >= 0 && next < slash)) return word;
  let start = colon;
  while (start > 0 && /[A-Za-z0-9_.-]/.test(word[start - 1] ?? "")) start--;
  if (start === colon) start = 0;
  return `${word.slice(0, start)}${hidden}${word.slice(at)}`;
}
