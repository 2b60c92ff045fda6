/** The log, and what a guest must not be able to do to it. */
import { mkdtempSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { openEventLog } from "../../harness/log/event-log.ts";
import type { NewEvent, RunEvent } from "../../harness/log/events.ts";
import { readEvents } from "../../harness/log/read-events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { smallEvents } from "../golden/gate-runs.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bootgate-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [head] = smallEvents({ fates: { "boot/health": "passed" } });
if (head?.type !== "run-started") throw new TypeError("A run begins with its head.");
const job = head.jobs[0]?.id ?? "";

/** Logs events after a head, and reads them back. */
async function roundTrip(...more: NewEvent[]): Promise<RunEvent[]> {
  const path = join(folder, "events.jsonl");
  const heard: RunEvent[] = [];
  using log = openEventLog(path, (event) => heard.push(event));
  for (const event of [head as NewEvent, ...more]) log.append(event);
  const read: RunEvent[] = [];
  const { signal } = new AbortController();
  for await (const event of readEvents(path, { signal })) read.push(event);
  expect(read).toEqual(log.events);
  expect(heard).toEqual(log.events);
  return read;
}

const failure = (text: string): NewEvent => ({
  type: "job-ended",
  job,
  attempt: 1,
  durationMs: 1,
  outcome: {
    kind: "failed",
    error: {
      type: text,
      headline: text,
      message: text,
      stage: text,
      stack: text,
      fatalLine: { console: text, lineNumber: 1, line: text },
    },
  },
});

test.each([
  ["letters", "x"],
  ["what JSON writes as six bytes", "\u0001"],
  ["what is four bytes long", "😀"],
])(
  "three million of %s in each word of an error leave a log that is read again",
  async (_, letter) => {
    const [, ended] = await roundTrip(failure(letter.repeat(3_000_000)));
    const bytes = Math.max(
      ...readFileSync(join(folder, "events.jsonl"), "utf8")
        .split("\n")
        .map((line) => Buffer.byteLength(line)),
    );
    expect(bytes).toBeLessThan(1 << 20);
    if (ended?.type !== "job-ended" || ended.outcome.kind !== "failed")
      throw new TypeError("Expected the failure.");
    const { message } = ended.outcome.error;
    const [, cut = "0"] = /\n\[(\d+) more characters were cut\]$/.exec(message) ?? [];
    expect(message.lastIndexOf("\n") + Number(cut)).toBe(3_000_000 * letter.length);
  },
);

test("what was cut once is not cut again by the reports", async () => {
  const events = await roundTrip(
    { type: "job-started", job, attempt: 1 },
    { type: "note", job, text: "y".repeat(20_000) },
  );
  const [note] = foldRun(events).jobs[0]?.attempts[0]?.notes ?? [];
  expect(note).toMatch(/y\n\[\d+ more characters were cut\]$/);
  expect(note?.match(/were cut/g)).toHaveLength(1);
});

test("short words stay, and so does all of the head, which names every job", async () => {
  const long = { ...head, command: ["run", "z".repeat(40_000)] } as NewEvent;
  const [, second, third] = await roundTrip({ type: "note", job, text: "short" });
  expect(second).toMatchObject({ text: "short" });
  expect(third).toBeUndefined();
  const path = join(folder, "second.jsonl");
  using log = openEventLog(path, () => undefined);
  log.append(long);
  expect(log.events[0]).toMatchObject({ command: ["run", "z".repeat(40_000)] });
});

test("a file that takes one byte at a time gets whole lines", async () => {
  const path = join(folder, "slow.jsonl");
  const write = (file: number, bytes: Uint8Array): number => writeSync(file, bytes.subarray(0, 1));
  const log = openEventLog(path, () => undefined, { write });
  log.append(head as NewEvent);
  log.append({ type: "note", job, text: "ä" });
  log[Symbol.dispose]();
  const texts = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(texts.map((line) => (JSON.parse(line) as RunEvent).type)).toEqual(["run-started", "note"]);
});

test("a disk that is full in the middle of a line is told once, and what waits is written in order later", () => {
  const path = join(folder, "full.jsonl");
  let room = Number.POSITIVE_INFINITY;
  const told: HostUnfit[] = [];
  const heard: string[] = [];
  const write = (file: number, bytes: Uint8Array): number => {
    if (room === 0) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    const count = writeSync(file, bytes.subarray(0, Math.min(room, bytes.length)));
    room -= count;
    return count;
  };
  const lines = (): string[] => readFileSync(path, "utf8").split("\n");
  const onTrouble = (error: HostUnfit): number => told.push(error);
  using log = openEventLog(path, ({ type }) => heard.push(type), { write, onTrouble });
  const note = (text: string): void => log.append({ type: "note", job, text });
  log.append(head as NewEvent);
  const whole = lines();
  for (const bytes of [20, 0, 7]) {
    room = bytes;
    note(`room for ${bytes}`);
    expect(lines()).toEqual(whole);
  }
  expect(told.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^The run's log cannot be written\.\n.*\n {2}reason +ENOSPC/),
  ]);
  expect(() => log.flush()).toThrow(HostUnfit);
  room = Number.POSITIVE_INFINITY;
  log.flush();
  const texts = lines().flatMap((line) => /"text":"([^"]+)"/.exec(line)?.[1] ?? []);
  expect(texts).toEqual(["room for 20", "room for 0", "room for 7"]);
  expect(heard).toEqual(log.events.map(({ type }) => type));
  room = 3;
  note("again");
  expect(told).toHaveLength(2);
});

test("a log that cannot be opened is the host's fault", () => {
  const path = join(folder, "no", "events.jsonl");
  expect(() => openEventLog(path, () => undefined)).toThrow(HostUnfit);
});
