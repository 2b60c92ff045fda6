/** `bootgate cut-point`: makes the disk that one power cut left from a kept record, so that a failure can be looked at by hand. */
import { resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import { formatBytes } from "../../base/units.ts";
import { describeIssues } from "../../config/describe-issues.ts";
import { decodeText, readSmallFile } from "../../config/read-small-file.ts";
import { factsPathOf, type RecordFacts, recordFacts } from "../../cuts/keep-record.ts";
import { makePoint } from "../../cuts/make-point.ts";
import { describePoint } from "../../cuts/points.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

export interface CutPointOptions {
  readonly point: number;
  readonly out: string;
  readonly seed?: string;
  /** The disk that the guest began with, where it is not where the record says. */
  readonly before?: string;
}

const what = "file beside a record of writes";
const maxFactsBytes = 64 * 1024;

/** Makes the disk and says what it would boot. Throws UsageError for what is not a kept record, CannotTell for one that is damaged. */
export async function cutPointDisk(
  record: string,
  { point: number, out, seed, before }: CutPointOptions,
  output: { write(text: string): unknown } = process.stdout,
): Promise<void> {
  const told = await factsOf(record);
  const path = before === undefined ? told.before.path : resolve(before);
  const facts = { ...told, before: { ...told.before, path } };
  if (!(await exists(path)))
    throw new UsageError(`The disk that the guest began with is not there: '${path}'.`, {
      details: { "to do": "name where it is: --before DISK" },
    });
  if (await exists(out)) throw new UsageError(`'${out}' is there already.`);
  using stop = onInterrupt((line) => void process.stderr.write(`${line}\n`));
  const made = await makePoint(
    { path: record, facts },
    { number, seed: seed ?? facts.seed, out },
    stop.signal,
  );
  const lines = [
    `${describePoint(made.point)}.`,
    `It leaves: ${made.text}.`,
    ...made.unread,
    `Written to '${out}': a raw disk of ${formatBytes(made.diskBytes)}, as GRUB finds it; the journals of its file systems are not replayed.`,
  ];
  output.write(`${lines.join("\n")}\n`);
}

async function factsOf(record: string): Promise<RecordFacts> {
  if (!(await exists(record))) throw notRecord(record, "does not exist");
  const path = factsPathOf(record);
  if (path === record || !(await exists(path)))
    throw notRecord(record, `has no '${path}' beside it, which tells of what disk it is`);
  const bytes = await readSmallFile(path, { what, maxBytes: maxFactsBytes });
  const data = parse(decodeText(bytes, path, what), path);
  const read = recordFacts.safeParse(data);
  if (read.success) return read.data;
  const findings = describeIssues(read.error.issues, recordFacts, data);
  throw new UsageError(`'${path}' does not tell of a record of writes.`, {
    details: {
      wrong: findings.map(({ path: at, message }) => [...at, message].join(" ")).join("\n"),
    },
  });
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`'${path}' is not JSON.`, { cause });
  }
}

const notRecord = (record: string, fact: string): UsageError =>
  new UsageError(`The record of writes '${record}' ${fact}.`, {
    details: { example: "bootgate cut-point runs/latest/JOB/writes.log --point 7 --out cut-7.raw" },
  });
