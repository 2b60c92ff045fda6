/**
 * The run as JUnit XML that Jenkins, GitLab, Forgejo and GitHub readers accept. It is built by junit-report-builder,
 * which is hidden behind this module because of what it lacks; the lack is made up in one step on its XML, see
 * `complete()`.
 */

import junitReportBuilder from "junit-report-builder";
import { attributeLine, cleanText, stripControls } from "../harness/log/clean-text.ts";
import type { JobModel, RunModel } from "../harness/log/model-schema.ts";
import type { ReportInputs } from "./inputs.ts";
import { casesOf, type JunitCase, type Problem } from "./junit-cases.ts";
import { knownWords } from "./known-words.ts";

// The types say that the default export has a `default` of its own; at run time the default import is the builder.
const library = junitReportBuilder as unknown as typeof junitReportBuilder.default;
type Suite = ReturnType<ReturnType<typeof library.newBuilder>["testSuite"]>;

/** All system-out of one report together, in UTF-16 units: ten thousand failures must still fit a reader's memory. */
const maxTotalOutput = 24 << 20;
const maxPropertyLength = 1000;

/**
 * The JUnit document: a suite a job (scenario on a machine), a case a step. A killed run is valid too: what it had
 * begun is `<error>`, what it had not is `<skipped>` with "not run".
 */
export function junit(model: RunModel, inputs: ReportInputs = {}): string {
  let room = maxTotalOutput;
  const all: JunitCase[] = [];
  const suites = model.jobs.map((job) => {
    const cases = casesOf(job, inputs).map((item): JunitCase => {
      room -= item.output.length + (item.problem?.text.length ?? 0);
      return room >= 0 ? item : { ...item, output: `repeat: ${attributeLine(job.repeat, 1000)}` };
    });
    all.push(...cases);
    return suiteXml(job, cases, model);
  });
  const count = (isIt: (item: JunitCase) => boolean) => all.filter(isIt).length;
  const attributes = {
    name: `bootgate ${attributeLine(model.run)}`,
    tests: all.length,
    failures: count(({ problem }) => problem?.kind === "failed"),
    errors: count(({ problem }) => problem?.kind === "broken"),
    skipped: count(({ skipped }) => skipped !== null),
    time: seconds(all.reduce((sum, item) => sum + item.seconds, 0)),
  };
  const head = Object.entries(attributes).map(
    ([name, value]) => ` ${name}="${escapeXml(`${value}`)}"`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites${head.join("")}>
${suites.join("")}</testsuites>
`;
}

/** One suite. Each is built alone: the library's tree takes half a kilobyte an attribute, which a large run does not have room for. */
function suiteXml(job: JobModel, cases: readonly JunitCase[], model: RunModel): string {
  const builder = library.newBuilder();
  buildSuite(builder.testSuite(), job, cases, model);
  const xml = builder.build();
  const suite = xml.slice(xml.indexOf("  <testsuite "), xml.lastIndexOf("</testsuites>"));
  return complete(suite, cases, attributeLine(model.host.name, 200));
}

function buildSuite(
  suite: Suite,
  job: JobModel,
  cases: readonly JunitCase[],
  model: RunModel,
): void {
  const startedAt = job.attempts[0]?.startedAt ?? model.startedAt;
  suite
    .name(attributeLine(job.id))
    // The library sums neither time nor takes a Date as UTC, so both are given ready.
    .timestamp(startedAt.replace(/(?:\.\d+)?Z$/u, ""))
    .time(seconds(cases.reduce((sum, item) => sum + item.seconds, 0)));
  for (const [name, value] of propertiesOf(job, model))
    suite.property(attributeLine(name, 200), attributeLine(value, maxPropertyLength));
  const className = attributeLine(job.id).replaceAll("/", ".");
  for (const { name, seconds: time, problem, skipped } of cases) {
    const testCase = suite.testCase().className(className).name(attributeLine(name));
    testCase.time(seconds(time));
    if (problem?.kind === "failed") testCase.failure(problem.message, problem.type);
    if (problem?.kind === "broken") testCase.error(problem.message, problem.type);
    if (skipped !== null) testCase.skipped();
  }
}

const seconds = (value: number): number => Math.round(value * 1000) / 1000;

/** What a reader must know of a suite before it trusts it. */
function propertiesOf(job: JobModel, model: RunModel): [string, string][] {
  const properties: [string, string][] = [
    ["summary", job.summary],
    ["run", model.run],
    ["harness", model.harness],
  ];
  for (const [role, image] of Object.entries(job.images)) {
    properties.push([`image.${role}`, image.name], [`image.${role}.digest`, image.digest]);
    if (image.digestOf === "disk")
      properties.push([
        `image.${role}.digest-of`,
        "the disk file; which image it holds is its guest's word",
      ]);
    if (image.derivedFrom !== undefined)
      properties.push([`image.${role}.derived-from`, image.derivedFrom]);
    if (image.standIns.length > 0)
      properties.push([`image.${role}.stand-ins`, image.standIns.join(", ")]);
  }
  const { driver, board, architecture, firmware } = job.machine;
  if (job.cell !== undefined) properties.push(["cell", Object.values(job.cell).join(" ")]);
  properties.push(["driver", driver], ["architecture", architecture], ["firmware", firmware]);
  if (board !== undefined) properties.push(["board", board]);
  const guests = job.attempts.flatMap((attempt) => attempt.guests);
  const accelerators = new Set(guests.map(({ accelerator }) => accelerator));
  // A guest that never answered told no accelerator; a virtual one had the host's.
  if (accelerators.size === 0 && driver !== "board") accelerators.add(model.host.accelerator);
  if (accelerators.size > 0) properties.push(["accelerator", [...accelerators].join(", ")]);
  for (const { guest, start } of guests) properties.push([`start.${guest}`, start]);
  for (const { id, text } of job.attempts.flatMap((attempt) => attempt.deviations))
    properties.push([`deviation.${id}`, text]);
  if (job.attempts.length > 1) properties.push(["attempts", String(job.attempts.length)]);
  if (job.flaky) properties.push(["flaky", "true"]);
  const known = knownWords(job);
  if (known !== null) properties.push(["known-failure", known]);
  properties.push(["repeat", job.repeat]);
  // One value a name: readers keep the last of several, and a retried job tells most things twice.
  return [...new Map(properties)];
}

/**
 * The one step on the library's XML. It adds what junit-report-builder 5.1.2 cannot say: the reason on `<skipped>`,
 * surefire's `flakyFailure` and `rerunFailure` at their place in the schema's order, and the host of suites. It also adds
 * all text, because the library ends a CDATA section at the second `]]>` inside it: a guest that prints two could forge
 * cases. The library thus sees attributes only, in which it leaves no line end and no `<`, so each of its lines is one tag.
 */
function complete(xml: string, cases: readonly JunitCase[], hostname: string): string {
  const lines: string[] = [];
  let index = -1;
  let reruns: string[] = [];
  for (const line of xml.split("\n")) {
    const item = cases[index];
    switch (/^ *<(\/?[a-z]+)/u.exec(line)?.[1]) {
      case "testsuite":
        lines.push(line.replace(/>$/u, ` hostname="${escapeXml(hostname)}">`));
        break;
      case "testcase": {
        const begun = cases[++index];
        reruns = begun === undefined ? [] : rerunElements(begun);
        const body = line.endsWith("/>") ? [...reruns, ...outputElement(begun)] : [];
        if (body.length === 0) lines.push(line);
        else lines.push(`${line.slice(0, -2)}>`, ...body, "    </testcase>");
        break;
      }
      case "failure":
        lines.push(withText(line, "failure", item?.problem?.text ?? ""), ...reruns.splice(0));
        break;
      case "error":
        lines.push(...reruns.splice(0), withText(line, "error", item?.problem?.text ?? ""));
        break;
      case "skipped":
        lines.push(...reruns.splice(0));
        lines.push(`      <skipped message="${escapeXml(item?.skipped ?? "")}"/>`);
        break;
      case "/testcase":
        lines.push(...outputElement(item), line);
        break;
      default:
        lines.push(line);
    }
  }
  return lines.join("\n");
}

const outputElement = (item: JunitCase | undefined): string[] =>
  item === undefined || item.output === ""
    ? []
    : [`      <system-out>${cdata(item.output)}</system-out>`];

/** The library's empty element with a text. */
const withText = (line: string, name: string, text: string): string =>
  text === "" ? line : `${line.replace(/\/>$/u, ">")}${cdata(text)}</${name}>`;

/** A section that nothing inside can end: each `]]>` is shared out between two sections, and readers join them again. */
const cdata = (text: string): string =>
  `<![CDATA[${stripControls(text).replaceAll("]]>", "]]]]><![CDATA[>")}]]>`;

function rerunElements({ rerun, flaky }: JunitCase): string[] {
  // Jenkins reads the two "Failure" elements and not surefire's "Error" twins, so the kind is told by the type alone.
  const element = (name: string, { type, message, text }: Problem): string =>
    `      <${name} message="${escapeXml(message)}" type="${escapeXml(type)}">` +
    `<stackTrace>${escapeXml(cleanText(text, 16_384))}</stackTrace></${name}>`;
  return [
    ...rerun.map((problem) => element("rerunFailure", problem)),
    ...flaky.map((problem) => element("flakyFailure", problem)),
  ];
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\t", "&#9;")
    .replaceAll("\n", "&#10;");
}
