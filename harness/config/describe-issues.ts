/** Zod's issues in the words of a person who wrote the file: what is there, what was expected, what was probably meant. */
import type { z } from "zod";
import { didYouMean } from "./nearest.ts";
import { knownKeys } from "./schema-keys.ts";

/** One thing that is wrong with the data, and where. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  /** Set when it is this key of the object at `path` that is wrong, not its value. */
  readonly key?: string;
  readonly message: string;
}

/** Nobody reads more, and placing each costs a look through the document. */
const maxTold = 100;

type Issue = z.core.$ZodIssue;

/** All findings, in the order of the issues. `data` is what the schema refused. */
export function describeIssues(
  issues: readonly Issue[],
  schema: z.ZodType,
  data: unknown,
): readonly Finding[] {
  return issues.slice(0, maxTold).flatMap((issue) => describe(issue, schema, data, []));
}

function describe(
  issue: Issue,
  schema: z.ZodType,
  data: unknown,
  prefix: readonly PropertyKey[],
): readonly Finding[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, path, data);
    return issue.keys
      .slice(0, maxTold)
      .map((key) => ({ path, key, message: unknownKey(key, path, known) }));
  }
  if (issue.code === "invalid_union") {
    const branch = closestBranch(issue.errors);
    if (branch !== null) return branch.flatMap((inner) => describe(inner, schema, data, path));
  }
  if (issue.code === "invalid_key") {
    const reason = issue.issues.map((inner) => plain(inner.message)).join("; ");
    return [
      { path: path.slice(0, -1), key: last(path), message: `key '${last(path)}': ${reason}` },
    ];
  }
  return [{ path, message: describeValue(issue, path, valueAt(data, path)) }];
}

const last = (path: readonly PropertyKey[]): string => String(path.at(-1) ?? "").slice(0, 100);

function unknownKey(key: string, path: readonly PropertyKey[], known: readonly string[]): string {
  const place = path.length === 0 ? "" : ` in ${nameOf(path)}`;
  const hint = didYouMean(key, known);
  const list = known.length === 0 ? "" : `; known here: ${known.join(", ")}`;
  return `unknown key '${key.slice(0, 100)}'${place}${hint === "" ? list : hint}`;
}

function describeValue(issue: Issue, path: readonly PropertyKey[], value: unknown): string {
  const expected = expectation(issue, value);
  if (value === undefined && path.length > 0) return `${nameOf(path)} is missing: ${expected}`;
  return path.length === 0 ? expected : `${nameOf(path)} is ${show(value)}: ${expected}`;
}

function expectation(issue: Issue, value: unknown): string {
  // What a schema says in words of its own says more than the kind of data that it wants.
  if (issue.code === "invalid_type")
    return isStandard(issue.message) ? `expected ${article(issue.expected)}` : issue.message;
  if (issue.code === "invalid_value") {
    const words = issue.values.map(String);
    return `expected ${words.length === 1 ? "" : "one of "}${words.join(", ")}${didYouMean(String(value), words)}`;
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const wanted = issue.errors.flatMap((branch) =>
      branch.map((inner) => expectation(inner, value)),
    );
    return [...new Set(wanted)].join(", or ").replaceAll("or expected ", "or ");
  }
  if (issue.code === "invalid_union" && "options" in issue && Array.isArray(issue.options)) {
    const words = issue.options.map(String);
    return `expected one of ${words.join(", ")}${didYouMean(String(value), words)}`;
  }
  if (issue.code === "too_small" && isStandard(issue.message)) return atLeast(issue);
  return plain(issue.message);
}

/** Whether zod made the message up: it speaks of arrays and of what it received. */
const isStandard = (message: string): boolean => /^(?:Invalid input|Too small)\b/.test(message);

function atLeast({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
  const least = `${inclusive === false ? "more than" : "at least"} ${minimum}`;
  if (origin === "array" || origin === "set") return `expected ${least} in the list`;
  if (origin !== "string") return `expected a number of ${least}`;
  return Number(minimum) === 1 ? "expected text that is not empty" : `expected ${least} letters`;
}

const kinds: Readonly<Record<string, string>> = {
  object: "a map of keys",
  record: "a map of keys",
  array: "a list",
  string: "text",
  boolean: "true or false",
  int: "a whole number",
};
const article = (kind: string): string => kinds[kind] ?? `a ${kind}`;

const plain = (message: string): string =>
  message.replace(/^Invalid input: /, "").replace(/^Invalid string: /, "");

/** `'images.reference.versions[2]'`. */
function nameOf(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>((name, part) => {
    if (typeof part === "number") return `${name}[${part}]`;
    return name === "" ? String(part) : `${name}.${String(part)}`;
  }, "");
  return `'${text.slice(0, 200)}'`;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value === null) return "empty";
  if (value instanceof Uint8Array) return "binary data";
  if (typeof value === "object") return "a map of keys";
  if (typeof value === "number" && !Number.isFinite(value))
    return Number.isNaN(value) ? "not a number (.nan)" : "endless (.inf)";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

const valueAt = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    data,
  );

/** Of a union's members the one that was probably meant: it fits in kind, and has the fewest complaints. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const rightKind = branches.filter(
    ([first]) => first !== undefined && !(first.path.length === 0 && first.code === "invalid_type"),
  );
  return rightKind.reduce<readonly Issue[] | null>(
    (best, branch) => (best === null || branch.length < best.length ? branch : best),
    null,
  );
}
