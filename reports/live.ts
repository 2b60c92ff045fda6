/**
 * What a person sees while a run goes on: one plain line for an event worth one, nothing for the rest. The same lines
 * serve a terminal, a serial line and a CI log.
 */

import { formatDuration } from "../harness/base/units.ts";
import { waitWords } from "../harness/base/wait-words.ts";
import { defuseCommands, oneLine } from "../harness/log/clean-text.ts";
import type { RunEvent } from "../harness/log/events.ts";
import { withKnown } from "./known-words.ts";

/** The progress lines of one event, without line ends. */
export function liveLines(event: RunEvent): string[] {
  const text = lineOf(event);
  if (text === null) return [];
  const time = event.at.slice(11, 19);
  const job = "job" in event ? `${oneLine(event.job, 80)}: ` : "";
  return [defuseCommands(`${time}  ${job}${text}`)];
}

function lineOf(event: RunEvent): string | null {
  switch (event.type) {
    case "run-started": {
      const skipped = event.jobs.filter((job) => job.skip !== undefined).length;
      const count = `${event.jobs.length} ${event.jobs.length === 1 ? "job" : "jobs"}`;
      return `run ${oneLine(event.run, 80)}: ${count}${skipped === 0 ? "" : `, ${skipped} of them skipped`}`;
    }
    case "job-started":
      return event.attempt === 1 ? "begins" : `begins attempt ${event.attempt}`;
    case "step-started":
      return `… ${oneLine(event.step, 200)}`;
    case "step-ended":
      return outcomeLine(event.outcome, oneLine(event.step, 200), event.durationMs);
    case "guest-started":
      return `guest '${oneLine(event.guest, 60)}' answers after ${formatDuration(event.readyMs)} (${event.start}, ${oneLine(event.accelerator, 20)})`;
    case "boot-stage":
      return `guest '${oneLine(event.guest, 60)}' reached ${oneLine(event.stage, 40)} at ${formatDuration(event.sincePowerOnMs)}`;
    case "state-waiting":
      return waitWords(oneLine(event.holder, 100), `makes ${oneLine(event.title, 200)}`);
    case "state-started":
      return `making ${oneLine(event.title, 200)}, once for all jobs that start from it`;
    case "state-stage":
      return `${oneLine(event.state, 60)} reached ${oneLine(event.stage, 40)} at ${formatDuration(event.sincePowerOnMs)}`;
    case "state-ended":
      return withTakenAlong(
        outcomeLine(event.outcome, oneLine(event.title, 200), event.durationMs),
        event,
      );
    case "note":
      return `note: ${oneLine(event.text)}`;
    case "claim":
      return `guest '${oneLine(event.guest, 60)}' says it is ${oneLine(event.says, 100)}; nothing proves it`;
    case "known-failure":
      return `the outcome stays, the failure is ${withKnown({ known: event }, oneLine(event.words))}`;
    case "job-ended":
      // Only what did not pass is tried again.
      if (event.attempt > 1 && event.outcome.kind === "passed")
        return `flaky: the job passed only at attempt ${event.attempt} (${formatDuration(event.durationMs)})`;
      return outcomeLine(event.outcome, "the job", event.durationMs);
    case "run-ended":
      return event.stopped === undefined ? "run ended" : `run stopped: ${oneLine(event.stopped)}`;
    case "deviation":
    case "measure":
    case "evidence":
    case "image-layers":
      return null;
    default:
      return event satisfies never;
  }
}

/** Whom a state that could not be made ends, in the one place where it is told. */
function withTakenAlong(
  line: string,
  { outcome, jobs = [] }: Extract<RunEvent, { type: "state-ended" }>,
): string {
  if (outcome.kind === "passed" || jobs.length === 0) return line;
  const names = jobs.slice(0, 5).map((job) => oneLine(job, 100));
  return `${line.replace(/\.$/, "")}; it ends ${names.join(", ")}${jobs.length > 5 ? ` and ${jobs.length - 5} more` : ""}`;
}

function outcomeLine(
  outcome: Extract<RunEvent, { type: "job-ended" }>["outcome"],
  what: string,
  durationMs: number,
): string {
  const took = `${what} (${formatDuration(durationMs)})`;
  switch (outcome.kind) {
    case "passed":
      return `passed: ${took}`;
    case "skipped":
      return `skipped: ${what}: ${oneLine(outcome.reason)}`;
    case "failed":
    case "broken":
      return `${outcome.kind}: ${took}: ${oneLine(outcome.error.headline)}`;
    default:
      return outcome satisfies never;
  }
}
