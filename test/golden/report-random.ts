/** Random texts of the pieces that break XML, the same in every run: a seeded generator and no clock. */
import { frozen } from "./frozen.ts";

const pieces = frozen([
  "]",
  "]]",
  "]]>",
  ">",
  "<",
  "!",
  "[",
  "<![CDATA[",
  "CDATA",
  "&",
  "&lt;",
  "&#0;",
  "'",
  '"',
  "--",
  "-->",
  "<!--",
  "</system-out>",
  "</failure></testcase><testcase name='forged' time='0'>",
  "\n",
  "\t",
  "\u0000",
  "\u0008",
  "\u001b[0m",
  "\u009f",
  "\ud800",
  "\udc00",
  "\ud83d\ude00",
  "\ufffe",
  "\u200e",
  "a",
  " ",
  "é",
]);

/** mulberry32: small, and good enough to shuffle with. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` texts of one to twenty pieces. */
export function randomTexts({ seed, count }: { seed: number; count: number }): string[] {
  const random = generator(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + upTo(20) }, () => pieces[upTo(pieces.length)] ?? "").join(""),
  );
}
