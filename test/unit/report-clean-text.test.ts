import { describe, expect, test } from "vitest";
import {
  cleanDeep,
  cleanText,
  defuseAttachments,
  defuseCommands,
  oneLine,
  stripControls,
} from "../../harness/log/clean-text.ts";
import { processorMs } from "./support/processor-time.ts";

test.each([
  ["\u001b[31mred\u001b[0m", "red"],
  ["\u001b[38;5;196mred\u001b[m", "red"],
  ["\u001b]0;title\u0007text", "text"],
  ["\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\", "link"],
  ["\u001b(Btext\u001bc", "text"],
  ["\u009b1mtext", "text"],
  ["a\u0000b\u0007c\u009fd\u007f", "abcd"],
  ["one\r\ntwo\rthree", "one\ntwo\nthree"],
  ["a\ud800b\udc00c", "a\ufffdb\ufffdc"],
  ["a😀b\ufffe\uffff", "a😀b"],
  ["\u202eabc\u2066", "abc"],
  ["\u200eabc\u200fdef\u061c", "abcdef"],
  ["tab\tnew\nline", "tab\tnew\nline"],
  ["\u001b]0;no end\nkept", "kept"],
])("stripControls(%j) is %j", (text, clean) => {
  expect(stripControls(text).trim()).toBe(clean);
});

describe("cleanText", () => {
  test("says how much was cut and stays within the limit", () => {
    const clean = cleanText("x".repeat(10_000_000), 1000);
    expect(clean.length).toBeLessThanOrEqual(1000);
    expect(clean).toMatch(/\n\[\d+ more characters were cut\]$/);
  });
  test("does not split a character at the cut", () => {
    expect(cleanText("😀".repeat(5000), 1001)).not.toMatch(/\p{Surrogate}/u);
  });
  test("leaves a short text alone, and its own output", () => {
    expect(cleanText("as it is\n", 100)).toBe("as it is\n");
    const once = cleanText("y".repeat(5000), 300);
    expect(cleanText(once, 300)).toBe(once);
  });
  test("is quick on a hostile run of escape openings", () => {
    const took = processorMs(() => {
      cleanText("\u001b]".repeat(1 << 20), 65_536);
      stripControls("\u001b[".repeat(1 << 15));
    });
    expect(took).toBeLessThan(1500);
  });
});

test("oneLine collapses white space and marks a cut", () => {
  expect(oneLine(" a\n\n b\tc ")).toBe("a b c");
  expect(oneLine("x".repeat(500), 10)).toBe(`${"x".repeat(9)}…`);
});

test.each([
  "::error::x",
  "  ::warning::x",
  "a\n::set-env name=b::c",
  "##[error]x",
  "x ##vso[task]y",
  "##teamcity[x]",
])("defuseCommands(%j) leaves no command", (text) => {
  expect(defuseCommands(text)).not.toMatch(/^\s*::|##\w*\[/m);
});

test("defuseCommands leaves other text alone", () => {
  expect(defuseCommands("std::string ## heading [x]")).toBe("std::string ## heading [x]");
});

test("defuseAttachments breaks the marker in any case", () => {
  expect(defuseAttachments("[[ATTACHMENT|/x]] [[Attachment|/y]]")).not.toMatch(/\[\[attachment/i);
});

test("cleanDeep cleans keys and values at any depth, and copies only what it changes", () => {
  const clean = { text: "as it is", list: [{ number: 1 }, null] };
  expect(cleanDeep(clean, 100)).toBe(clean);
  const dirty = { kept: clean, "a\u0000": ["b\u202e", { c: "d\u001b[31m" }] };
  const cleaned = cleanDeep(dirty, 100);
  expect(cleaned).toEqual({ kept: clean, a: ["b", { c: "d" }] });
  expect(cleaned.kept).toBe(clean);
});

test("cleanDeep makes no prototype of a key that is called so", () => {
  const hostile = JSON.parse('{"__proto__": {"kind": "passed\\u0000"}}') as object;
  const cleaned = cleanDeep(hostile, 100);
  expect(Object.getPrototypeOf(cleaned)).toBe(Object.prototype);
  expect(JSON.stringify(cleaned)).toBe('{"__proto__":{"kind":"passed"}}');
});
