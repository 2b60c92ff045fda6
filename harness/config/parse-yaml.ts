/**
 * YAML text to checked data. Every error is told at once, each as `file:line:column: message`, because a person who
 * fixes one typo and gets the next one is being played with. YAML 1.2 core only: no custom tags, no merge keys.
 */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  visit,
  YAMLParseError,
} from "yaml";
import type { z } from "zod";
import { UsageError } from "../base/errors.ts";
import { describeIssues, type Finding } from "./describe-issues.ts";
import { refuseDeepNesting } from "./yaml-depth.ts";

/** Aliases that one document may expand to; far above honest use, far below a "billion laughs". */
const maxAliases = 100;
const maxErrorsTold = 50;

interface PlacedError {
  readonly offset: number;
  readonly message: string;
}

/** Parses and checks. `path` is only used in messages. Throws one UsageError that lists all errors. */
export function parseYaml<S extends z.ZodType>(text: string, path: string, schema: S): z.output<S> {
  const lines = new LineCounter();
  const fail = (errors: readonly PlacedError[]): never => {
    throw listErrors(path, errors, lines);
  };
  const document = compose(text, path, lines);
  const syntax = syntaxErrors(document);
  if (syntax.length > 0) fail(syntax);
  if (document.contents === null || isEmptyScalar(document.contents)) {
    throw new UsageError(`'${path}' is empty; expected YAML.`);
  }
  const data = toData(document, fail);
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  return fail(
    describeIssues(result.error.issues, schema, data).map((finding) => ({
      offset: offsetOf(document, finding),
      message: finding.message,
    })),
  );
}

/** As `parseDocument` of `yaml`, with each token looked at on the way: the text is parsed once. */
function compose(text: string, path: string, lineCounter: LineCounter): Document {
  const composer = new Composer({
    lineCounter,
    version: "1.2",
    schema: "core",
    prettyErrors: false,
    // Our own check below finds all duplicates, in linear time.
    uniqueKeys: false,
    logLevel: "error",
  });
  const tokens = refuseDeepNesting(
    new Parser(lineCounter.addNewLine).parse(text),
    () => new UsageError(`'${path}' is nested too deeply to be read.`),
  );
  const documents = composer.compose(tokens, true, text.length);
  // One is made even of an empty text.
  const document = documents.next().value as Document.Parsed;
  const second = documents.next().value as Document.Parsed | undefined;
  if (second !== undefined) {
    const [from, to] = second.range;
    const message = "a second document begins here; expected one";
    document.errors.push(new YAMLParseError([from, to], "MULTIPLE_DOCS", message));
  }
  return document;
}

/** An unknown tag is only a warning to the parser; here it is an error, since its value would silently be a string. */
function syntaxErrors(document: Document): PlacedError[] {
  const errors = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    offset: pos[0],
    message: withoutPosition(message),
  }));
  visit(document, {
    Map(_, map) {
      errors.push(...keyErrors(map.items));
    },
    Alias(_, alias, above) {
      const target = alias.resolve(document);
      const name = `alias '${alias.source.slice(0, 100)}'`;
      if (target === undefined) {
        errors.push({ offset: startOf(alias), message: `${name} has no anchor before it` });
      } else if (above.includes(target)) {
        errors.push({ offset: startOf(alias), message: `${name} holds itself` });
      }
    },
  });
  return errors;
}

function withoutPosition(message: string): string {
  const line = message.split("\n")[0] ?? message;
  const tag = /^Unresolved tag: (.*)$/.exec(line)?.[1];
  return tag === undefined
    ? line
    : `the tag '${tag.slice(0, 100)}' means nothing here; text that begins with '!' has to be in quotes`;
}

function keyErrors(pairs: readonly Pair[]): PlacedError[] {
  const seen = new Set<string>();
  return pairs.flatMap(({ key }) => {
    if (!isScalar(key)) {
      return [{ offset: startOf(key), message: "a key has to be a plain word" }];
    }
    const name = String(key.value);
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [{ offset: startOf(key), message: `key '${name.slice(0, 100)}' is given twice` }];
  });
}

const startOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);
const isEmptyScalar = (node: unknown): boolean => isScalar(node) && node.value === null;

function toData(document: Document, fail: (errors: readonly PlacedError[]) => never): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    // The parser throws a ReferenceError when aliases multiply.
    const tooMany = error instanceof ReferenceError;
    const message = tooMany ? "its aliases expand to far too much" : String(error);
    return fail([{ offset: startOf(document.contents), message }]);
  }
}

/** Where a finding is: the key itself for an unknown key, the nearest node that exists otherwise. */
function offsetOf(document: Document, { path, key }: Finding): number {
  let node: Node | null = document.contents;
  let offset = startOf(node);
  for (const part of path) {
    const inner = resolve(node, document);
    const pair = isMap(inner) ? pairAt(inner.items, part) : undefined;
    const next = isSeq(inner) ? inner.items[Number(part)] : pair?.value;
    if (!isNode(next)) return pair === undefined ? offset : startOf(pair.key);
    node = next;
    offset = isEmptyScalar(next) && pair !== undefined ? startOf(pair.key) : startOf(next);
  }
  const inner = resolve(node, document);
  if (key === undefined || !isMap(inner)) return offset;
  return startOf(pairAt(inner.items, key)?.key);
}

const resolve = (node: Node | null, document: Document): Node | null =>
  isAlias(node) ? (node.resolve(document) ?? null) : node;

const pairAt = (pairs: readonly Pair[], name: PropertyKey): Pair | undefined =>
  pairs.find(({ key }) => isScalar(key) && String(key.value) === String(name));

function listErrors(path: string, errors: readonly PlacedError[], lines: LineCounter): UsageError {
  const inOrder = errors.toSorted((left, right) => left.offset - right.offset);
  const told = inOrder.slice(0, maxErrorsTold).map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}: ${message}`;
  });
  const more = errors.length - told.length;
  if (more > 0) told.push(`… and ${more} more`);
  const count = errors.length === 1 ? "an error" : `${errors.length} errors`;
  return new UsageError(`'${path}' has ${count}.`, { details: { errors: told.join("\n") } });
}
