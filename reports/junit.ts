/**
 * The run as JUnit XML that Jenkins, GitLab, Forgejo and GitHub readers accept. It is built by junit-report-builder,
 * which is hidden behind this module because of what it lacks; the lack is made up in one step on its XML, see
 * `complete()`.
 */

import junitReportBuilder from "junit-report-builder";
import { attributeLine, cleanText } from "./clean-text.ts";
import type { ReportInputs } from "./inputs.ts";
import { casesOf, type JunitCase, type Problem } from "./junit-cases.ts";
import { knownWords } from "./known-words.ts";
import type { JobModel, RunModel } from "./model-schema.ts";

// The types say that the default export has a `default` of its own; at run time the default import is the builder.
const library = junitReportBuilder as unknown as typeof junitReportBuilder.default;
type Suite = ReturnType<ReturnType<typeof library.newBuilder>["testSuite"]>;

/** All system-out of one report together, in UTF-16 units: ten thousand failures must still fit a reader's memory. */
const maxTotalOutput = 24 << 20;
const maxPropertyLength = 1000;

interface SuiteCases {
  readonly job: JobModel;
  readonly cases: readonly JunitCase[];
}

/**
 * The JUnit document: a suite a job (scenario on a machine), a case a step. A killed run is valid too: what it had
 * begun is `<error>`, what it had not is `<skipped>` with "not run".
 */
export function junit(model: RunModel, inputs: ReportInputs = {}): string {
  let room = maxTotalOutput;
  const suites = model.jobs.map((job): SuiteCases => {
    const cases = casesOf(job, inputs).map((item): JunitCase => {
      room -= item.output.length + (item.problem?.text.length ?? 0);
      return room >= 0 ? item : { ...item, output: `repeat: ${attributeLine(job.repeat, 1000)}` };
    });
    return { job, cases };
  });
  const builder = library.newBuilder().name(`bootgate ${model.run}`);
  for (const suite of suites) buildSuite(builder.testSuite(), suite, model);
  return complete(builder.build(), suites, model);
}

function buildSuite(suite: Suite, { job, cases }: SuiteCases, model: RunModel): void {
  const startedAt = job.attempts[0]?.startedAt ?? model.startedAt;
  suite
    .name(attributeLine(job.id))
    // The library sums neither time nor takes a Date as UTC, so both are given ready.
    .timestamp(startedAt.replace(/(?:\.\d+)?Z$/u, ""))
    .time(seconds(cases.reduce((sum, item) => sum + item.seconds, 0)));
  for (const [name, value] of propertiesOf(job, model))
    suite.property(attributeLine(name, 200), attributeLine(value, maxPropertyLength));
  const className = attributeLine(job.id).replaceAll("/", ".");
  for (const item of cases) {
    const testCase = suite.testCase().className(className).name(attributeLine(item.name));
    testCase.time(seconds(item.seconds));
    if (item.problem?.kind === "failed")
      testCase.failure(item.problem.message, item.problem.type).stacktrace(item.problem.text);
    if (item.problem?.kind === "broken")
      testCase.error(item.problem.message, item.problem.type, item.problem.text);
    if (item.skipped !== null) testCase.skipped();
    if (item.output !== "") testCase.standardOutput(item.output);
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
    if (image.standIns.length > 0)
      properties.push([`image.${role}.stand-ins`, image.standIns.join(", ")]);
  }
  const { driver, architecture, firmware } = job.machine;
  properties.push(["driver", driver], ["architecture", architecture], ["firmware", firmware]);
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
 * surefire's `flakyFailure` and `rerunFailure` at their place in the schema's order, and the host and times of suites.
 * It walks tags, never text: CDATA sections and quoted attributes are passed over whole, so what a guest printed cannot
 * be taken for a tag.
 */
function complete(xml: string, suites: readonly SuiteCases[], model: RunModel): string {
  const cases = suites.flatMap((suite) => suite.cases);
  const total = seconds(cases.reduce((sum, item) => sum + item.seconds, 0));
  const hostname = escapeXml(attributeLine(model.host.name, 200));
  let index = -1;
  let reruns = "";
  const flush = (): string => {
    const text = reruns;
    reruns = "";
    return text;
  };
  const completed = xml.replace(
    /<!\[CDATA\[[\s\S]*?\]\]>|<(\/?[a-z-]+)(?:[^>"]|"[^"]*")*>/gu,
    (tag, name: string | undefined) => {
      if (name === "testsuites") return tag.replace(/>$/u, ` time="${total}">`);
      if (name === "testsuite") return tag.replace(/>$/u, ` hostname="${hostname}">`);
      if (name === "testcase") {
        index++;
        const item = cases[index];
        reruns = item === undefined ? "" : rerunElements(item);
        if (!tag.endsWith("/>") || reruns === "") return tag;
        return `${tag.slice(0, -2)}>\n      ${flush().trimEnd()}\n    </testcase>`;
      }
      if (name === "skipped")
        return `${flush()}<skipped message="${escapeXml(cases[index]?.skipped ?? "")}"/>`;
      if (name === "error" || name === "system-out" || name === "/testcase")
        return `${flush()}${tag}`;
      return tag;
    },
  );
  return `${completed}\n`;
}

function rerunElements({ rerun, flaky }: JunitCase): string {
  // Jenkins reads the two "Failure" elements and not surefire's "Error" twins, so the kind is told by the type alone.
  const element = (name: string, { type, message, text }: Problem): string =>
    `<${name} message="${escapeXml(message)}" type="${escapeXml(type)}">` +
    `<stackTrace>${escapeXml(cleanText(text, 16_384))}</stackTrace></${name}>\n      `;
  return [
    ...rerun.map((problem) => element("rerunFailure", problem)),
    ...flaky.map((problem) => element("flakyFailure", problem)),
  ].join("");
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
