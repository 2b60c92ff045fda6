/**
 * Turns one job of the model into JUnit cases: a case a step, plus one for the job itself where its fate is not any
 * step's. Apart from the XML, so that the rules for retries and interruptions can be read and tested alone.
 */
import { attributeLine, cleanText, defuse } from "../harness/log/clean-text.ts";
import { isInside } from "../harness/log/evidence-path.ts";
import {
  type AttemptModel,
  errorOf,
  type JobModel,
  type OutcomeModel,
} from "../harness/log/model-schema.ts";
import { fatalIndex } from "./console-excerpt.ts";
import type { ReportInputs } from "./inputs.ts";
import { knownWords, withKnown } from "./known-words.ts";

/** The case that stands for the job itself: skipped, not run, or wrong outside of any step. */
export const jobCaseName = "runs to its end";

const maxMessageLength = 4096;
/** Leaves room for a number within the 300 of an attribute. */
const maxNameLength = 280;
const maxOutputLength = 65_536;
const consoleTailLines = 60;

export interface Problem {
  readonly kind: "failed" | "broken";
  readonly type: string;
  readonly message: string;
  readonly text: string;
}

export interface JunitCase {
  readonly name: string;
  readonly seconds: number;
  /** The first attempt's problem, unless a later attempt of the job passed. */
  readonly problem: Problem | null;
  /** Same problem in later attempts, none of which passed: surefire's `rerunFailure`. */
  readonly rerun: readonly Problem[];
  /** Problems of earlier attempts of a job that passed later: surefire's `flakyFailure`. */
  readonly flaky: readonly Problem[];
  readonly skipped: string | null;
  readonly output: string;
}

/** All cases of a job, names unique, at least one (Jenkins drops a suite without cases). */
export function casesOf(job: JobModel, inputs: ReportInputs): JunitCase[] {
  const { outcome } = job;
  if (outcome.kind === "skipped" && job.attempts.length === 0) return [plainCase(outcome.reason)];
  if (outcome.kind === "not-run") return [plainCase(`not run: ${outcome.reason}`)];
  const names = new Set(job.attempts.flatMap(({ steps }) => steps.map(({ name }) => name)));
  const cases = [...names].map((name) => stepCase(job, name, inputs));
  const own = jobCase(job, inputs);
  if (own !== null) cases.push({ ...own, name: uniqueName(jobCaseName, names) });
  return withUniqueNames(cases);
}

/** GitLab takes two cases of one name for one; two long names may be the same once they are cut to a line. */
function withUniqueNames(cases: readonly JunitCase[]): JunitCase[] {
  const taken = new Set<string>();
  return cases.map((item) => {
    const line = attributeLine(item.name, maxNameLength) || "step";
    let name = line;
    for (let count = 2; taken.has(name); count++) name = `${line} (${count})`;
    taken.add(name);
    return { ...item, name };
  });
}

function plainCase(reason: string): JunitCase {
  return {
    name: jobCaseName,
    seconds: 0,
    problem: null,
    rerun: [],
    flaky: [],
    skipped: attributeLine(reason, maxMessageLength) || "no reason given",
    output: "",
  };
}

function uniqueName(name: string, taken: ReadonlySet<string>): string {
  return taken.has(name) ? uniqueName(`${name} (job)`, taken) : name;
}

interface AttemptResult {
  readonly attempt: AttemptModel;
  readonly outcome: OutcomeModel;
  readonly durationMs: number;
}

function stepCase(job: JobModel, name: string, inputs: ReportInputs): JunitCase {
  const results = job.attempts.flatMap((attempt) =>
    attempt.steps
      .filter((step) => step.name === name)
      .map(({ outcome, durationMs }): AttemptResult => ({ attempt, outcome, durationMs })),
  );
  return resultCase(job, name, results, inputs);
}

/** The job's own case: for errors that no step of the attempt has, and for a job without steps. */
function jobCase(job: JobModel, inputs: ReportInputs): JunitCase | null {
  const results = job.attempts.map((attempt): AttemptResult => {
    const error = errorOf(attempt.outcome);
    const told =
      error !== null &&
      attempt.steps.some((step) => errorOf(step.outcome)?.message === error.message);
    const outcome: OutcomeModel = told ? { kind: "passed" } : attempt.outcome;
    const inSteps = attempt.steps.reduce((sum, step) => sum + step.durationMs, 0);
    return { attempt, outcome, durationMs: Math.max(0, attempt.durationMs - inSteps) };
  });
  const hasSteps = job.attempts.some(({ steps }) => steps.length > 0);
  if (hasSteps && results.every(({ outcome }) => outcome.kind === "passed")) return null;
  return resultCase(job, jobCaseName, results, inputs);
}

function resultCase(
  job: JobModel,
  name: string,
  results: readonly AttemptResult[],
  inputs: ReportInputs,
): JunitCase {
  const bad = results.flatMap((result) => {
    const problem = problemOf(job, result.outcome);
    return problem === null ? [] : [{ problem, result }];
  });
  const [first, ...later] = bad;
  const skipped = results.every(({ outcome }) => outcome.kind === "skipped")
    ? results.flatMap(({ outcome }) => (outcome.kind === "skipped" ? [outcome.reason] : []))[0]
    : undefined;
  return {
    name,
    seconds: results.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000,
    problem: job.flaky ? null : (first?.problem ?? null),
    rerun: job.flaky ? [] : later.map(({ problem }) => problem),
    flaky: job.flaky ? bad.map(({ problem }) => problem) : [],
    skipped:
      skipped === undefined ? null : attributeLine(skipped, maxMessageLength) || "no reason given",
    output: first === undefined ? "" : outputOf(job, first.result, inputs),
  };
}

function problemOf(job: JobModel, outcome: OutcomeModel): Problem | null {
  if (outcome.kind !== "failed" && outcome.kind !== "broken") return null;
  const { error } = outcome;
  const lines = error.stack === undefined ? error.message : `${error.message}\n\n${error.stack}`;
  const known = knownWords(job);
  // GitLab shows the text alone and others the message alone, so both begin with what is known.
  const text = known === null ? lines : `${known}\n${lines}`;
  return {
    kind: outcome.kind,
    type: attributeLine(error.type, 200) || "Unknown",
    message: attributeLine(withKnown(job, error.headline), maxMessageLength),
    text: defuse(cleanText(text, maxOutputLength)),
  };
}

/** What a person needs first, and the attachments that Jenkins and GitLab show: each alone on its line. */
function outputOf(
  job: JobModel,
  { attempt, outcome }: AttemptResult,
  inputs: ReportInputs,
): string {
  // Most readers pass over surefire's flakyFailure; this line they show.
  const flaky = job.flaky ? ["flaky: passed only when tried again"] : [];
  const lines = [...flaky, `repeat: ${job.repeat}`];
  for (const { kind, path } of attempt.evidence) lines.push(`${kind}: ${path}`);
  const tails = attempt.evidence
    .map(({ path }) => path)
    .concat(attempt.guests.map(({ console }) => console))
    .filter((path, index, all) => all.indexOf(path) === index)
    .flatMap((path) => consoleTail(path, outcome, inputs));
  const guestText = defuse(cleanText([...lines, ...tails].join("\n"), maxOutputLength));
  const attachments = attachmentsOf(attempt, inputs).map((path) => `[[ATTACHMENT|${path}]]`);
  return [guestText, ...attachments, ""].join("\n");
}

/**
 * Pictures that a reader may fetch. The log that names them can come from anywhere, so a path out of the run directory
 * is none, nor, where the files were looked at, one that did not prove to be a picture.
 */
function attachmentsOf({ evidence }: AttemptModel, inputs: ReportInputs): string[] {
  const { attachmentBase: base = "", screenshots } = inputs;
  return evidence
    .filter(({ kind, path }) => kind === "screenshot" && isInside(path))
    .filter(({ path }) => screenshots?.has(path) ?? true)
    .map(({ path }) => `${base}${path}`)
    .filter((path) => !/[[\]|\n]/u.test(path));
}

function consoleTail(path: string, outcome: OutcomeModel, inputs: ReportInputs): string[] {
  const excerpt = inputs.consoles?.get(path);
  if (excerpt === undefined) return [];
  const error = errorOf(outcome);
  const fatal = error === null ? null : fatalIndex(excerpt, error);
  const end = fatal === null ? excerpt.lines.length : Math.min(excerpt.lines.length, fatal + 10);
  const start = Math.max(0, end - consoleTailLines);
  const width = String(excerpt.firstLineNumber + end).length;
  return [
    "",
    `console ${path}, lines ${excerpt.firstLineNumber + start} to ${excerpt.firstLineNumber + end - 1}:`,
    ...excerpt.lines.slice(start, end).map((line, index) => {
      const number = String(excerpt.firstLineNumber + start + index).padStart(width);
      return `${start + index === fatal ? ">" : " "} ${number}  ${line}`;
    }),
  ];
}
