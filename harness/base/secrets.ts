/**
 * Addresses without what may be a secret: a user name and a password before the host, and the query, which signed addresses
 * carry their signature in. Whatever is told or kept (errors, events, progress, lines to repeat) passes through here.
 */

const hidden = "…";
/** Of one word: what stands behind `://` up to the host. RFC 3986, 3.2.1; people also write `/` and `@` in it only encoded. A digest behind `@` is not a host. */
const userOf = /:\/\/[^/?#]*@(?!sha256:)/g;

/** The text with each address in it masked: `https://…@host/path?…#fragment`. Linear in the text's length. */
export function maskSecrets(text: string): string {
  return text.includes("://") || text.includes("@")
    ? text.replaceAll(/[^\s"'`<>]+/g, maskWord)
    : text;
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
