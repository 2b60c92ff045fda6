import { expect, test } from "vitest";
import {
  type ConsoleLine,
  cleanLine,
  LineSplitter,
  maxLineLength,
} from "../../harness/machine/console/console-lines.ts";

test.each<[string, string[]]>([
  ["plain", ["plain"]],
  ["ends\r", ["ends"]],
  ["\x1b[0;32m  OK  \x1b[0m Reached", ["  OK   Reached"]],
  ["one\x1b[5;1Htwo", ["one", "two"]],
  ["10%\r20%\r30%", ["10%", "20%", "30%"]],
  ["\x1b]3008;start=x;user=root\x1b\\shell", ["shell"]],
  ["\x1b]104\x07title", ["title"]],
  ["\x1b7\x1b[32766;32766H\x1b[6n\x1b8", []],
  ["nul\x00bell\x07", ["nulbell"]],
  ["   ", []],
  ["half an escape \x1b[", ["half an escape "]],
])("%j is seen as %j", (raw, seen) => expect(cleanLine(raw)).toEqual(seen));

function split(...chunks: (string | Buffer)[]): { lines: ConsoleLine[]; rest: string | null } {
  const splitter = new LineSplitter();
  const lines: ConsoleLine[] = [];
  for (const chunk of chunks)
    splitter.feed(Buffer.from(chunk as string), (line) => lines.push(line));
  return { lines, rest: splitter.unfinished()?.text ?? null };
}

test("lines keep the numbers they have in the file, empty ones counted", () => {
  expect(split("a\n\nb\nc")).toEqual({
    lines: [
      { text: "a", lineNumber: 1 },
      { text: "b", lineNumber: 3 },
    ],
    rest: "c",
  });
});

test("a character cut in two is whole again", () => {
  const bytes = Buffer.from("…\n");
  expect(split(bytes.subarray(0, 1), bytes.subarray(1)).lines).toEqual([
    { text: "…", lineNumber: 1 },
  ]);
});

test("a word across the cut of a long line is whole in one of its pieces", () => {
  const text = `${"x".repeat(maxLineLength - 6)}Kernel panic${"y".repeat(50)}`;
  for (const chunks of [[`${text}\n`], [text.slice(0, 100), text.slice(100), "\n"]])
    expect(split(...chunks).lines.some((line) => line.text.includes("Kernel panic"))).toBe(true);
});
