import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { readEvents } from "../../harness/log/read-events.ts";
import { fullRun } from "../golden/report-events.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bootgate-events-"));
});
afterAll(() => rm(directory, { recursive: true }));

const lines = fullRun.map((event) => JSON.stringify(event));
const whole = `${lines.join("\n")}\n`;

async function read(content: string | Buffer, signal = AbortSignal.timeout(10_000)) {
  const path = join(directory, "events.jsonl");
  await writeFile(path, content);
  const events: RunEvent[] = [];
  for await (const event of readEvents(path, { signal })) events.push(event);
  return events;
}

test("reads back what was written", async () => {
  expect(await read(whole)).toEqual(fullRun);
});

test("reads a log larger than one chunk, with characters cut by chunk ends", async () => {
  const note = JSON.stringify({
    type: "note",
    at: "2026-11-21T07:31:00.000Z",
    job: "j",
    text: "é😀".repeat(3000),
  });
  const events = await read(`${lines[0]}\n${`${note}\n`.repeat(40)}`);
  expect(
    new Set(events.slice(1).map((event) => (event.type === "note" ? event.text : ""))).size,
  ).toBe(1);
  expect(events).toHaveLength(41);
});

test.each([1, 20, 300])("drops a last line of which only %i bytes were written", async (bytes) => {
  const half = Buffer.from(whole).subarray(
    0,
    Buffer.byteLength(`${lines.slice(0, 9).join("\n")}\n`) + bytes,
  );
  const events = await read(half);
  expect(events.length).toBeGreaterThanOrEqual(9);
  expect(events.slice(0, 9)).toEqual(fullRun.slice(0, 9));
});

test("takes a whole last event that lacks its line end", async () => {
  expect(await read(whole.trimEnd())).toEqual(fullRun);
});

test.each([
  [
    "a malformed line in the middle",
    [lines[0], "{oops", lines[1], ""],
    /events\.jsonl:2: expected an event as JSON/,
  ],
  [
    "a malformed last line with its line end",
    [lines[0], '{"type":"no', ""],
    /:2: expected an event as JSON/,
  ],
  ["an unknown event", [lines[0], '{"type":"verdict"}', ""], /:2: not an event of version 1/],
  [
    "a wrong field",
    [lines[0], lines[1]?.replace('"attempt":1', '"attempt":"1"'), ""],
    /:2: .*attempt/,
  ],
  [
    "another version",
    [lines[0]?.replace('"version":1', '"version":2'), ""],
    /written by another version/,
  ],
  ["no head", [lines[1], ""], /expected 'run-started' first/],
  ["an empty file", [""], /has no events/],
  ["half a first line", ['{"type":"run-sta'], /was cut off inside its first line/],
  ["binary junk", ["\u0000\u0001\n", ""], /:1: expected an event as JSON/],
  [
    "a line of 2 MiB",
    [lines[0], "x".repeat(2 << 20), ""],
    /:2: the line is longer than 1048576 bytes/,
  ],
  ["40 MiB without a line end", ["x".repeat(40 << 20)], /:1: the line is longer/],
])("%s is a usage error", async (_name, content, message) => {
  const reading = read(content.join("\n"));
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toBeInstanceOf(UsageError);
});

test("a missing file is a usage error, an abort is not", async () => {
  const missing = readEvents(join(directory, "none"), { signal: AbortSignal.timeout(5000) });
  await expect(missing.next()).rejects.toThrow(/cannot be read: ENOENT/);
  await expect(read(whole, AbortSignal.abort())).rejects.not.toBeInstanceOf(UsageError);
});
