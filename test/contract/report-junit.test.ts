/** JUnit read back by a real parser: what a guest printed is text in it, the same text, and nothing else. */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import { attributeLine, stripControls } from "../../harness/log/clean-text.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import type { JobModel, RunModel } from "../../harness/log/model-schema.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { junit } from "../../reports/junit.ts";
import { casesOf } from "../../reports/junit-cases.ts";
import { at, ended, jobFacts, runStarted, started, step } from "../golden/report-events.ts";
import { hostileRun, hostileStrings } from "../golden/report-hostile.ts";
import { randomTexts } from "../golden/report-random.ts";

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Text and CDATA sections of the element itself, in order. */
  readonly text: string;
}

type Node = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseAttributeValue: false,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  cdataPropName: "#cdata",
});

function toElement(node: Node): Element {
  const name = Object.keys(node).find((key) => key !== ":@") ?? "";
  const inside = node[name] as readonly Node[];
  const isText = (child: Node) => "#text" in child || "#cdata" in child;
  const textOf = (child: Node): string =>
    "#cdata" in child
      ? (child["#cdata"] as Node[]).map((part) => String(part["#text"])).join("")
      : String(child["#text"]);
  return {
    name,
    attributes: (node[":@"] ?? {}) as Record<string, string>,
    children: inside.filter((child) => !isText(child)).map(toElement),
    text: inside.filter(isText).map(textOf).join(""),
  };
}

/** The document as a tree. Throws when the parser or its validator finds it malformed. */
function parse(xml: string): Element {
  expect(XMLValidator.validate(xml)).toBe(true);
  const roots = (parser.parse(xml) as Node[]).map(toElement).filter(({ name }) => name !== "?xml");
  expect(roots.map(({ name }) => name)).toEqual(["testsuites"]);
  return roots[0] as Element;
}

const below = (element: Element, name: string): Element[] =>
  element.children.flatMap((child) => [
    ...(child.name === name ? [child] : []),
    ...below(child, name),
  ]);

const elementNames = new Set(
  "testsuites testsuite properties property testcase failure error skipped rerunFailure flakyFailure stackTrace system-out".split(
    " ",
  ),
);

/** Holds a document against the cases that it was made from: as many, named alike, with the same texts. */
function expectFaithful(model: RunModel): Element {
  const document = parse(junit(model));
  const walk = (element: Element): Element[] => [element, ...element.children.flatMap(walk)];
  expect(walk(document).filter(({ name }) => !elementNames.has(name))).toEqual([]);
  const wanted = model.jobs.flatMap((job) => casesOf(job, {}));
  const cases = below(document, "testcase");
  expect(cases.map(({ attributes }) => attributes.name)).toEqual(
    wanted.map(({ name }) => attributeLine(name)),
  );
  const texts = (item: Element, name: string) => below(item, name).map(({ text }) => text);
  for (const [index, { problem, output, rerun, flaky }] of wanted.entries()) {
    const item = cases[index] as Element;
    const kind = problem?.kind === "failed" ? "failure" : "error";
    expect(texts(item, kind)).toEqual(problem === null ? [] : [problem.text]);
    expect(below(item, kind).map(({ attributes }) => attributes.message ?? "")).toEqual(
      problem === null ? [] : [problem.message],
    );
    expect(texts(item, "system-out")).toEqual(output === "" ? [] : [output]);
    expect(texts(item, "stackTrace")).toHaveLength(rerun.length + flaky.length);
  }
  expect(document.attributes.tests).toBe(String(wanted.length));
  return document;
}

describe.each(Object.entries(hostileStrings))("a guest that prints %s", (_name, text) => {
  test("adds no case and changes no text", () => {
    const document = expectFaithful(foldRun(hostileRun(text)));
    expect(below(document, "testcase")).toHaveLength(2);
    expect(document.attributes).toMatchObject({ tests: "2", failures: "1", skipped: "1" });
    const names = below(document, "testcase").map(({ attributes }) => attributes.name);
    expect(names).not.toContain("no unit has failed");
  });
});

test("names that are the same once they are cut to a line are told apart", () => {
  const long = "the same ".repeat(60);
  const facts = jobFacts("boot/long");
  const steps = [`${long}one`, `${long}two`, "a\tb", "a b", "a b (2)"];
  const events = [
    runStarted([facts]),
    started(facts.id, 1),
    ...steps.flatMap((name, index) => step(facts.id, index + 1, index + 2, name)),
    ended(facts.id, 1, 9),
    { type: "run-ended" as const, at: at(9) },
  ];
  const names = casesOf(foldRun(events).jobs[0] as JobModel, {}).map(({ name }) => name);
  expect(new Set(names).size).toBe(5);
  expect(names[1]).toBe(`${names[0]} (2)`);
  const document = toElement(parser.parse(junit(foldRun(events))).at(-1) as Node);
  expect(below(document, "testcase").map(({ attributes }) => attributes.name)).toEqual(names);
});

/** A run of one job a text: each fails twice with the text everywhere that a guest's text can be. */
function runOf(texts: readonly string[]): RunModel {
  const facts = texts.map((_text, index) => jobFacts(`boot/case-${index}`));
  const events = facts.flatMap(({ id: job }, index): RunEvent[] => {
    const text = texts[index] ?? "";
    const error = { type: "ExpectationFailed", headline: text, message: text };
    return [
      started(job, 1),
      { type: "note", at: at(1), job, text },
      ...step(job, 1, 2, `prints ${text}`, { kind: index % 2 === 0 ? "failed" : "broken", error }),
      ended(job, 1, 3, { kind: index % 2 === 0 ? "failed" : "broken", error }),
      started(job, 4, 2),
      ...step(job, 4, 5, `prints ${text}`, { kind: "failed", error }),
      ended(job, 4, 6, { kind: "failed", error }, 2),
    ];
  });
  return foldRun([runStarted(facts), ...events, { type: "run-ended", at: at(9) }]);
}

describe("random texts of what XML and its parsers trip over", () => {
  const texts = randomTexts({ seed: 20_261_121, count: 400 });

  test("come back as they were printed, controls removed", () => {
    const model = runOf(texts);
    const document = expectFaithful(model);
    const printed = below(document, "testcase").flatMap((item) =>
      [...below(item, "failure"), ...below(item, "error")].map(({ text }) => text),
    );
    expect(printed).toEqual(texts.map(stripControls));
  });

  test("the same on a job that passed when it was tried again", () => {
    const flaky = runOf(texts.slice(0, 50)).jobs.map((job): JobModel => ({ ...job, flaky: true }));
    const model = { ...runOf(texts.slice(0, 1)), jobs: flaky };
    const document = expectFaithful(model);
    expect(below(document, "flakyFailure")).toHaveLength(100);
  });
});

test("the parser of these tests does see a forged case", () => {
  const forged = `<a><testcase name="x"/><![CDATA[]]><testcase name="y"/></a>`;
  expect(below(toElement((parser.parse(forged) as Node[])[0] as Node), "testcase")).toHaveLength(2);
});
