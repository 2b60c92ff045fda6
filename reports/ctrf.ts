/**
 * The run as CTRF JSON (ctrf.io), one test a job. CTRF has no word for "we cannot tell": a broken job is `failed` with
 * `rawStatus: "broken"`, because readers let `other` pass. A known failure stays `failed` for the same reason; readers
 * show its message, filter by its tag, and programs have the rest in `extra`. The newer field `labels` is left out, since
 * the schema forbids fields that it does not know and older readers know only tags.
 */
import { cleanText, oneLine } from "../harness/log/clean-text.ts";
import { isInside } from "../harness/log/evidence-path.ts";
import {
  type AttemptModel,
  errorOf,
  type JobModel,
  type OutcomeModel,
  type RunModel,
} from "../harness/log/model-schema.ts";
import { type Standing, standingOf } from "../harness/log/run-model.ts";
import { withKnown } from "./known-words.ts";
import { standingWord } from "./summary.ts";

type CtrfStatus = "passed" | "failed" | "skipped" | "pending";

const statuses: Readonly<Record<Standing, CtrfStatus>> = {
  passed: "passed",
  flaky: "passed",
  failed: "failed",
  broken: "failed",
  skipped: "skipped",
  notRun: "pending",
};

export function ctrf(model: RunModel): string {
  const tests = model.jobs.map(testOf);
  const count = (status: CtrfStatus) => tests.filter((test) => test.status === status).length;
  const start = Date.parse(model.startedAt);
  const document = {
    reportFormat: "CTRF",
    specVersion: "0.0.0",
    results: {
      tool: { name: "bootgate", version: model.harness },
      summary: {
        tests: tests.length,
        passed: count("passed"),
        failed: count("failed"),
        skipped: count("skipped"),
        pending: count("pending"),
        other: 0,
        flaky: model.counts.flaky,
        start,
        stop: start + model.durationMs,
        ...(model.stopped === null ? {} : { extra: { stopped: model.stopped } }),
      },
      tests,
      environment: {
        reportName: `bootgate ${model.run}`,
        osPlatform: "linux",
        osRelease: model.host.kernel,
        extra: {
          host: model.host.name,
          qemu: model.host.qemu,
          accelerator: model.host.accelerator,
        },
      },
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function testOf(job: JobModel) {
  const standing = standingOf(job);
  const first = job.attempts[0];
  const last = job.attempts.at(-1);
  return {
    name: oneLine(job.id),
    status: statuses[standing],
    rawStatus: standingWord(standing),
    duration: Math.round(job.durationMs),
    ...(first === undefined ? {} : { start: Date.parse(first.startedAt) }),
    suite: [oneLine(job.scenario)],
    ...(job.known === null
      ? {}
      : { tags: [job.known.expired ? "known-failure-expired" : "known-failure"] }),
    ...messageOf(job, job.outcome),
    ...(job.attempts.length < 2
      ? {}
      : {
          flaky: job.flaky,
          retries: job.attempts.length - 1,
          retryAttempts: job.attempts.map((attempt) => retryOf(job, attempt)),
        }),
    steps: (last?.steps ?? []).map((step) => ({
      name: oneLine(step.name),
      status: stepStatus(step.outcome),
    })),
    attachments: job.attempts.flatMap(({ evidence }) =>
      evidence
        .filter(({ path }) => isInside(path))
        .map(({ kind, path }) => ({ name: kind, contentType: contentType(path), path })),
    ),
    extra: {
      images: job.images,
      machine: job.machine,
      repeat: job.repeat,
      deviations: job.attempts.flatMap(({ deviations }) => deviations),
      ...(job.known === null
        ? {}
        : { knownFailure: { ...job.known, trueOutcome: job.outcome.kind } }),
    },
  };
}

function retryOf(job: JobModel, attempt: AttemptModel) {
  return {
    attempt: attempt.attempt,
    status: stepStatus(attempt.outcome),
    duration: Math.round(attempt.durationMs),
    ...messageOf(job, attempt.outcome),
  };
}

const stepStatus = (outcome: OutcomeModel): CtrfStatus => {
  switch (outcome.kind) {
    case "passed":
    case "failed":
    case "skipped":
      return outcome.kind;
    case "broken":
      return "failed";
    case "not-run":
      return "pending";
    default:
      return outcome satisfies never;
  }
};

function messageOf(job: JobModel, outcome: OutcomeModel): { message?: string; trace?: string } {
  const error = errorOf(outcome);
  if (error !== null)
    return {
      message: oneLine(withKnown(job, error.headline), 1000),
      trace: cleanText(error.message, 16_384),
    };
  return "reason" in outcome ? { message: oneLine(outcome.reason, 1000) } : {};
}

function contentType(path: string): string {
  if (/\.png$/u.test(path)) return "image/png";
  return /\.json$/u.test(path) ? "application/json" : "text/plain";
}
