/**
 * Patterns that people write in policies and known failures: plain text in which `*` stands for anything. No regular
 * expressions, so no pattern can backtrack without end: the parts between the stars are looked for once, left to right.
 */

/** Whether the whole text is what the pattern says. Time grows with the text, never exponentially. */
export function matchesWildcard(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return text === first;
  const last = parts.at(-1) ?? "";
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const middle = text.slice(first.length, text.length - last.length);
  return findParts(parts.slice(1, -1), middle) !== null;
}

/** Whether the pattern occurs anywhere in the text. The leftmost place of each part is enough, so none is tried twice. */
export const findWildcard = (pattern: string, text: string): boolean =>
  findParts(pattern.split("*"), text) !== null;

function findParts(parts: readonly string[], text: string): number | null {
  let from = 0;
  for (const part of parts) {
    const place = text.indexOf(part, from);
    if (place < 0) return null;
    from = place + part.length;
  }
  return from;
}
