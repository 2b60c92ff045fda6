/**
 * Whether a decision still stands on the logs beside it. A decision is a file that anybody on the runner could have
 * written; the logs it was made from are looked at again before a tag moves, where they are at hand.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { oneLine } from "../../reports/clean-text.ts";
import type { Decision } from "../../reports/gate/decision.ts";
import { candidateOf } from "../../reports/gate/gated-jobs.ts";
import { digestOf } from "../../reports/gate/read-run.ts";
import { readEvents } from "../../reports/read-events.ts";
import { foldRunFrom } from "../../reports/run-model.ts";
import { UsageError } from "../base/errors.ts";

/**
 * Looks at the log in the decision's own folder and, for its other runs, in the folders next to it: each must be the
 * one that was judged, and together they must have tested the images that the decision names. Returns a line for each
 * log that is not at hand. Throws UsageError.
 */
export async function checkEvidence(
  decision: Decision,
  path: string,
  signal: AbortSignal,
): Promise<string[]> {
  const { wrong, unseen, logs } = await compareLogs(decision, dirname(resolve(path)), signal);
  // Only all the logs together name all the images.
  if (wrong.length === 0 && unseen.length === 0)
    wrong.push(...(await untested(decision, logs, signal)));
  if (wrong.length === 0) return unseen;
  throw new UsageError(`The decision '${path}' does not stand on the evidence beside it.`, {
    details: { reason: wrong.join("\n"), decided: decision.decidedAt },
    lookAt: `npm run -s bootgate -- verdict ${dirname(path)}`,
  });
}

interface Comparison {
  readonly wrong: string[];
  readonly unseen: string[];
  readonly logs: string[];
}

async function compareLogs(
  decision: Decision,
  folder: string,
  signal: AbortSignal,
): Promise<Comparison> {
  const wrong: string[] = [];
  const unseen: string[] = [];
  const logs: string[] = [];
  const own = join(folder, "events.jsonl");
  const ownDigest = await digestIfThere(own, signal);
  const mine = decision.runs.find(({ events }) => events === ownDigest);
  if (ownDigest !== null && mine === undefined)
    wrong.push(`the events are ${ownDigest}, which is none of those that were judged`);
  for (const one of decision.runs) {
    const name = oneLine(one.run, 100);
    // The name comes out of the file, so it must be no path.
    const isName = basename(one.run) === one.run && !one.run.startsWith(".");
    const log = one === mine ? own : join(dirname(folder), isName ? one.run : "", "events.jsonl");
    const digest = one === mine ? ownDigest : await digestIfThere(log, signal);
    if (digest === null) unseen.push(`  note: the events of run '${name}' are not at hand.`);
    else if (digest !== one.events) wrong.push(`the events of run '${name}' were changed`);
    else logs.push(log);
  }
  return { wrong, unseen, logs };
}

async function untested(
  decision: Decision,
  logs: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const tested = new Set<string | undefined>();
  for (const log of logs) {
    const { jobs } = await foldRunFrom(readEvents(log, { signal }));
    for (const job of jobs) tested.add(candidateOf(job)?.digest);
  }
  return decision.candidates
    .filter(({ digest }) => !tested.has(digest))
    .map(({ digest }) => `no run tested the image ${oneLine(digest, 100)}`);
}

async function digestIfThere(path: string, signal: AbortSignal): Promise<string | null> {
  const facts = await stat(path).catch(() => null);
  return facts?.isFile() === true ? digestOf(path, signal) : null;
}
