/**
 * Reads `events.jsonl` line by line with bounded memory. A killed run may leave half a line at the very end, which is
 * dropped; anything else that is not an event means that the file was damaged or changed, and that is said with
 * file:line rather than reported around.
 */
import { createReadStream } from "node:fs";
import { messageOf, UsageError } from "../base/errors.ts";
import { oneLine } from "./clean-text.ts";
import { eventsVersion, type RunEvent, runEvent } from "./events.ts";

export interface ReadEventsOptions {
  readonly signal: AbortSignal;
  /** Longest line in bytes; 1 MiB unless told. The first may have 32 times as much. */
  readonly maxLineBytes?: number;
}

/** The first event names every job of the run, about 650 bytes each, so it may be longer than the others. */
const headFactor = 32;

interface RawLine {
  readonly text: string;
  readonly number: number;
  /** False for a last line without its line end. */
  readonly whole: boolean;
}

/**
 * The events of a run's log, in order. Throws a UsageError for a file that cannot be read, is empty, was written by
 * another version, or has a malformed line before its last.
 */
export async function* readEvents(
  path: string,
  { signal, maxLineBytes = 1 << 20 }: ReadEventsOptions,
): AsyncGenerator<RunEvent> {
  let seen = 0;
  let torn = false;
  for await (const line of readLines(path, maxLineBytes, signal)) {
    if (line.text.trim() === "") continue;
    const event = parseLine(line, path, seen === 0);
    if (event === null) {
      torn = true;
      break;
    }
    seen++;
    yield event;
  }
  if (seen > 0) return;
  throw new UsageError(
    torn
      ? `'${path}' was cut off inside its first line: the run was killed before it had planned its jobs.`
      : `'${path}' has no events: no run was logged there.`,
  );
}

async function* readLines(
  path: string,
  maxLineBytes: number,
  signal: AbortSignal,
): AsyncGenerator<RawLine> {
  let number = 1;
  let parts: Buffer[] = [];
  let held = 0;
  const hold = (part: Buffer) => {
    held += part.length;
    const limit = number === 1 ? maxLineBytes * headFactor : maxLineBytes;
    if (held > limit)
      throw new UsageError(
        `${path}:${number}: the line is longer than ${limit} bytes, which no event is.`,
      );
    parts.push(part);
  };
  const take = (whole: boolean): RawLine => {
    const text = Buffer.concat(parts).toString("utf8");
    parts = [];
    held = 0;
    return { text, number: number++, whole };
  };
  for await (const chunk of readChunks(path, signal)) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      hold(chunk.subarray(from, end));
      yield take(true);
      from = end + 1;
    }
    if (from < chunk.length) hold(chunk.subarray(from));
  }
  if (held > 0) yield take(false);
}

async function* readChunks(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { signal })) yield chunk as Buffer;
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = messageOf(error);
    throw new UsageError(`'${path}' cannot be read: ${reason}.`, { cause: error });
  }
}

/** Null for the half-written last line of a killed run. */
function parseLine(line: RawLine, path: string, isFirst: boolean): RunEvent | null {
  const where = `${path}:${line.number}`;
  let data: unknown;
  try {
    data = JSON.parse(line.text);
  } catch (error) {
    if (!line.whole) return null;
    const shown = oneLine(line.text, 80);
    throw new UsageError(`${where}: expected an event as JSON, got "${shown}".`, { cause: error });
  }
  if (isFirst) checkFirst(data, where);
  const parsed = runEvent.safeParse(data);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = issue?.path.map(String).join(".") ?? "";
  throw new UsageError(
    `${where}: not an event of version ${eventsVersion}: ${at === "" ? "" : `${oneLine(at, 80)}: `}${issue?.message ?? "unknown shape"}.`,
  );
}

function checkFirst(data: unknown, where: string): void {
  const head = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  if (head.type !== "run-started")
    throw new UsageError(
      `${where}: expected 'run-started' first, got '${oneLine(String(head.type), 80)}'; the head of the log is missing.`,
    );
  if (head.version !== eventsVersion)
    throw new UsageError(
      `${where}: written by another version of the harness (events version ${oneLine(String(head.version), 40)}, this one reads ${eventsVersion}).`,
    );
}
