/**
 * Says whether YAML is nested too deeply before it is composed. The composer calls itself for each level, and a file of
 * a hundred thousand brackets does not end in an error one could catch: V8 may end the whole process.
 */
import type { CST } from "yaml";

/** Levels that any of our files could need, tenfold. */
const maxDepth = 100;

/** Passes the parser's tokens on to the composer; throws what `refusal` makes before one of more than a hundred levels. */
export function* refuseDeepNesting(
  tokens: Iterable<CST.Token>,
  refusal: () => Error,
): Generator<CST.Token> {
  for (const token of tokens) {
    if (isNestedDeeply(token)) throw refusal();
    yield token;
  }
}

/** Works on the concrete syntax, whose parser keeps a stack of its own. */
function isNestedDeeply(token: CST.Token): boolean {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [{ token, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.depth > maxDepth) return true;
    for (const child of childrenOf(next.token)) open.push({ token: child, depth: next.depth + 1 });
  }
  return false;
}

function* childrenOf(token: CST.Token): Generator<CST.Token> {
  if (token.type === "document") {
    if (token.value !== undefined) yield token.value;
    return;
  }
  if (!("items" in token)) return;
  for (const item of token.items) {
    if (item.key !== undefined && item.key !== null) yield item.key;
    if (item.value !== undefined) yield item.value;
  }
}
