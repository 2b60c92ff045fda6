/**
 * Reads a run directory for a decision. The digest and the model have to be of the same bytes, so a log that changes
 * while it is read is refused, and so is one that an earlier decision remembers otherwise.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { hashFile } from "../../base/hash-file.ts";
import { oneLine } from "../../log/clean-text.ts";
import type { RunEvent } from "../../log/events.ts";
import { readEvents } from "../../log/read-events.ts";
import { foldRunFrom } from "../../log/run-model.ts";
import type { ShardLog } from "../shards/merge.ts";
import {
  type Decision,
  decisionFile,
  type EventsFile,
  parseDecision,
  verifyDecision,
} from "./decision.ts";
import type { JudgedRun } from "./gated-jobs.ts";

/** A decision with 10,000 jobs has about 10 MB. */
export const maxDecisionBytes = 64 * 1024 * 1024;

/**
 * The run with the digest of its log. Throws UsageError for a folder that is not a run directory, a log that is damaged,
 * of another version or without an end (unless `mayBeKilled`), and one that was changed after it was decided on.
 */
export async function readJudgedRun(
  directory: string,
  { signal, mayBeKilled = false }: { readonly signal: AbortSignal; readonly mayBeKilled?: boolean },
): Promise<JudgedRun> {
  const path = await logOf(directory);
  const eventsDigest = await hashFile(path, signal);
  const model = await foldRunFrom(readEvents(path, { signal }));
  if ((await hashFile(path, signal)) !== eventsDigest)
    throw new UsageError(`'${path}' was changed while it was read: the run still goes on.`);
  if (model.endedAt === null && !mayBeKilled)
    throw new UsageError(
      `'${directory}' is half written: the log of run '${oneLine(model.run, 100)}' has no end, so it was killed or still goes on.`,
      { lookAt: `npm run -s bootgate -- report ${directory}` },
    );
  const decision = await readDecision(directory);
  if (decision !== null) checkOwn(decision, directory, { run: model.run, digest: eventsDigest });
  return { model, eventsDigest };
}

/** A decision lies beside each log that it is about. Beside another one, either of the two was put there or changed. */
function checkOwn(decision: Decision, directory: string, file: EventsFile): void {
  try {
    verifyDecision(decision, [file]);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      `'${join(directory, decisionFile)}' is about other events than lie beside it. ${error.message}`,
      {
        cause: error,
        details: {
          repair: `put the log back that was judged; or, if the decision does not belong here, remove it and decide again`,
        },
        lookAt: `npm run -s bootgate -- verdict ${directory}`,
      },
    );
  }
}

/** All events of a run directory, for merging. */
export async function readShardLog(directory: string, signal: AbortSignal): Promise<ShardLog> {
  const events: RunEvent[] = [];
  for await (const event of readEvents(await logOf(directory), { signal })) events.push(event);
  return { name: directory, events };
}

/** The decision that lies in a directory, or null. Throws UsageError when it cannot be one. */
export async function readDecision(directory: string): Promise<Decision | null> {
  const path = join(directory, decisionFile);
  const facts = await stat(path).catch(() => null);
  if (facts === null) return null;
  if (!facts.isFile() || facts.size > maxDecisionBytes)
    throw new UsageError(`'${path}' is not a decision.`);
  const decision = parseDecision(await readFile(path, "utf8"), path);
  if (decision.about === undefined) return decision;
  throw new UsageError(
    `'${path}' is about one ${decision.about.kind} of the run's images, and a run directory has the decision about all.`,
    { details: { repair: `remove it, then decide again` } },
  );
}

async function logOf(directory: string): Promise<string> {
  const path = join(directory, "events.jsonl");
  const facts = await stat(path).catch(() => null);
  if (facts?.isFile() !== true)
    throw new UsageError(`'${directory}' is not a run directory: it has no events.jsonl.`, {
      details: { example: "npm run -s bootgate -- verdict runs/latest" },
    });
  return path;
}
