/**
 * Files that list checksums: Fedora's CHECKSUM (`SHA256 (name) = hex`, BSD's form, clear-signed by OpenPGP) and what
 * sha256sum(1) writes (`hex  name`). Pure; whether a signature is good is signature.ts's to say.
 */

const beginSigned = /^-----BEGIN PGP SIGNED MESSAGE-----\s*$/;
const beginSignature = /^-----BEGIN PGP SIGNATURE-----\s*$/;

/** True where the text is, or claims to be, clear-signed (RFC 9580, 7). */
export const isClearSigned = (text: string): boolean =>
  text.split("\n").some((line) => beginSigned.test(line));

/**
 * What a clear-signed text says between its armour, or the whole of one that is not signed; null where the armour is not
 * whole or there are several. Lines outside of it are nobody's word.
 */
export function signedText(text: string): string | null {
  const lines = text.split(/\r?\n/);
  const starts = lines.flatMap((line, index) => (beginSigned.test(line) ? [index] : []));
  const [start] = starts;
  if (start === undefined) return text;
  const end = lines.findIndex((line) => beginSignature.test(line));
  // Armour headers (`Hash: SHA256`) end with an empty line.
  const body = lines.findIndex((line, index) => index > start && line.trim() === "");
  if (starts.length > 1 || body < 0 || end < body) return null;
  return lines
    .slice(body + 1, end)
    .map((line) => line.replace(/^- /, ""))
    .join("\n");
}

/** SHA-256 by file name; a name with two of them has both. */
export function listedChecksums(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const bsd = /^SHA256 \((.{1,500})\) = ([0-9a-fA-F]{64})\s*$/.exec(line);
    const gnu = /^([0-9a-fA-F]{64}) [ *](\S.{0,499})$/.exec(line.trimEnd());
    const name = bsd?.[1] ?? gnu?.[2];
    const hex = bsd?.[2] ?? gnu?.[1];
    if (name === undefined || hex === undefined) continue;
    const file = name.replace(/^.*\//, "");
    found.set(file, (found.get(file) ?? new Set()).add(hex.toLowerCase()));
  }
  return found;
}
