import { describe, expect, test } from "vitest";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { processorMs } from "./support/processor-time.ts";

const entry = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("built"), versions: z.array(z.string()) }),
  z.strictObject({
    kind: z.literal("files"),
    disk: z.string().optional(),
    architecture: z.enum(["x86_64", "aarch64"]),
    oci: z.strictObject({ layout: z.string(), tag: z.string() }).optional(),
  }),
]);
const schema = z.strictObject({
  images: z.record(z.string().regex(/^[a-z]+$/), entry),
  limit: z.union([z.number(), z.string()]).optional(),
});

const failure = (text: string): UsageError => {
  try {
    parseYaml(text, "c.yaml", schema);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
};

/** The error lines, without the house's indentation. */
const errorsOf = (text: string): string[] =>
  failure(text)
    .message.split("\n")
    .slice(1)
    .map((line) => line.replace(/^ {2}errors\s+/, "").trim());

test("good YAML is returned as the schema gives it", () => {
  const text = "images:\n  a: &a {kind: files, architecture: aarch64}\n  b: *a\n";
  expect(parseYaml(text, "c.yaml", schema).images.b).toEqual({
    kind: "files",
    architecture: "aarch64",
  });
});

test("all errors are told at once, in the order of the file, with line, column and the near word", () => {
  const text = [
    "images:",
    "  a: {kind: built, verions: [x]}",
    "  b:",
    "    kind: files",
    "    architecture: x86-64",
    "    dsik: q",
    "    oci:",
    "      layot: x",
    "      tag: 3",
    "  C: {kind: filez}",
    "limit: [1]",
    "whatever: 1",
  ].join("\n");
  expect(failure(text).headline).toBe("'c.yaml' has 10 errors.");
  expect(errorsOf(text)).toEqual([
    "c.yaml:2:6: 'images.a.versions' is missing: expected a list",
    "c.yaml:2:20: unknown key 'verions' in 'images.a'; did you mean 'versions'?",
    `c.yaml:5:19: 'images.b.architecture' is "x86-64": expected one of x86_64, aarch64; did you mean 'x86_64'?`,
    "c.yaml:6:5: unknown key 'dsik' in 'images.b'; did you mean 'disk'?",
    "c.yaml:8:7: 'images.b.oci.layout' is missing: expected text",
    "c.yaml:8:7: unknown key 'layot' in 'images.b.oci'; did you mean 'layout'?",
    "c.yaml:9:12: 'images.b.oci.tag' is 3: expected text",
    "c.yaml:10:3: key 'C': must match pattern /^[a-z]+$/",
    `c.yaml:11:8: 'limit' is a list: expected a number, or text`,
    "c.yaml:12:1: unknown key 'whatever'; known here: images, limit",
  ]);
});

describe("what YAML can do and a configuration must not", () => {
  test.each([
    [
      "unknown tag",
      "images: !foo\n  a: 1\n",
      "c.yaml:1:9: the tag '!foo' means nothing here; text that begins with '!' has to be in quotes",
    ],
    ["key given twice", "images: {}\nimages: {}\n", "c.yaml:2:1: key 'images' is given twice"],
    ["unclosed text", 'images: "\n', 'c.yaml:2:1: Missing closing "quote'],
    ["tab", "images:\n\ta: 1\n", "c.yaml:2:1: Tabs are not allowed as indentation"],
    ["unknown alias", "images: *q\n", "c.yaml:1:9: alias 'q' has no anchor before it"],
    ["alias of itself", "images: &x {a: *x}\n", "c.yaml:1:16: alias 'x' holds itself"],
    [
      "second document",
      "images: {}\n---\na: 1\n",
      "c.yaml:2:1: a second document begins here; expected one",
    ],
    ["list as key", "? [a]\n: b\n", "c.yaml:1:3: a key has to be a plain word"],
    [
      "merge key",
      "<<: {a: 1}\nimages: {}\n",
      "c.yaml:1:1: unknown key '<<'; known here: images, limit",
    ],
    [
      "prototype key",
      "__proto__: {a: 1}\nimages: {}\n",
      "c.yaml:1:1: unknown key '__proto__'; known here: images, limit",
    ],
    ["no value", "images:\n  a:\n", "c.yaml:2:3: 'images.a' is empty: expected a map of keys"],
    ["a list at the top", "- 1\n", "c.yaml:1:1: expected a map of keys"],
  ])("%s", (_, text, expected) => {
    expect(errorsOf(text)).toContain(expected);
  });

  test("aliases that multiply are refused quickly", () => {
    const ten = (name: string): string =>
      `[${Array.from({ length: 10 }, () => `*${name}`).join(",")}]`;
    const text = `a: &a [1,1,1]\nb: &b ${ten("a")}\nc: &c ${ten("b")}\nd: &d ${ten("c")}\ne: ${ten("d")}\n`;
    const took = processorMs(() =>
      expect(errorsOf(text)).toEqual(["c.yaml:1:1: its aliases expand to far too much"]),
    );
    expect(took).toBeLessThan(2000);
  });

  test("endless nesting is refused, not a stack overflow", () => {
    expect(failure("[".repeat(30_000)).message).toBe("'c.yaml' is nested too deeply to be read.");
  });

  test("ten thousand wrong keys are answered quickly", () => {
    const text = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join("\n");
    let lines: string[] = [];
    const took = processorMs(() => {
      lines = errorsOf(text);
    });
    expect(took).toBeLessThan(1800);
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toMatch(/^… and \d+ more$/);
  });

  test.each(["", "# only a comment\n", "~\n"])("nothing in it: %j", (text) => {
    expect(failure(text).message).toBe("'c.yaml' is empty; expected YAML.");
  });
});
