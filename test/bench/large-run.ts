/**
 * Writes a run directory of the size of a big gate: 2,500 jobs with four cases each, every tenth job failed by a panic
 * with a console of its own. What it says is made up; the shape is that of a real run.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { eventsVersion, type JobFacts, type RunEvent } from "../../harness/log/events.ts";

const jobCount = 2500;
const casesPerJob = 4;
const failedEvery = 10;
const consoleBytes = 100_000_000;

export const largeRunCases = jobCount * casesPerJob;

const begin = Date.parse("2026-11-21T07:31:00.000Z");
const at = (seconds: number): string => new Date(begin + seconds * 1000).toISOString();
const panicLine = "[   11.402113] Kernel panic - not syncing: VFS: Unable to mount root fs";
const bootLine =
  "[    1.234567] \u001b[32m  OK  \u001b[0m Started something or other service number 12345.\r\n";

const jobOf = (index: number): JobFacts => {
  const scenario = `family-${index % 20}/scenario-${index}`;
  return {
    id: `${scenario}@qemu-x86_64-uefi`,
    scenario,
    summary: `Says what ${scenario} proves`,
    images: {
      candidate: {
        name: "reference:v2",
        digest: `sha256:${"2".repeat(64)}`,
        architecture: "x86_64",
        standIns: ["bootc"],
      },
    },
    machine: { driver: "qemu", architecture: "x86_64", firmware: "uefi" },
    repeat: `bootgate run ${scenario} --candidate reference:v2`,
  };
};

const consoleOf = (index: number): string => `family.${index}/v2/console.log`;

function* eventsOf(job: string, index: number): Generator<RunEvent> {
  const bad = index % failedEvery === 0;
  const console = consoleOf(index);
  const error = {
    type: "BootFailed",
    headline: "Guest 'v2' did not boot: the kernel panicked.",
    message: `Guest 'v2' did not boot: the kernel panicked.\n  console    "${panicLine}"\n${"  detail     one of many lines of a long message\n".repeat(40)}  look at    ${console}:${consoleLines}`,
  };
  yield { type: "job-started", at: at(index), job, attempt: 1 };
  for (const stage of ["firmware", "bootloader", "kernel", "initrd", "userspace"])
    yield { type: "boot-stage", at: at(index), job, guest: "v2", stage, sincePowerOnMs: 10 };
  yield {
    type: "guest-started",
    at: at(index),
    job,
    guest: "v2",
    image: "reference:v2",
    start: "cold",
    accelerator: "tcg",
    readyMs: 900,
    console,
  };
  for (let number = 1; number <= casesPerJob; number++) {
    const step = `claim ${number} is true of the system under test`;
    const failed = bad && number === casesPerJob;
    const outcome = failed ? ({ kind: "failed", error } as const) : ({ kind: "passed" } as const);
    yield { type: "step-started", at: at(index), job, step };
    if (failed) yield { type: "evidence", at: at(index), job, kind: "console", path: console };
    yield { type: "step-ended", at: at(index + 1), job, step, outcome, durationMs: 900 };
  }
  const outcome = bad ? ({ kind: "failed", error } as const) : ({ kind: "passed" } as const);
  yield { type: "job-ended", at: at(index + 2), job, attempt: 1, outcome, durationMs: 2000 };
}

const consolesCount = Math.ceil(jobCount / failedEvery);
const consoleLines = Math.ceil(consoleBytes / consolesCount / bootLine.length) + 1;

/** Writes `events.jsonl` and the consoles, 100 MB of them together, into `directory`, which exists. */
export async function writeLargeRun(directory: string): Promise<void> {
  const jobs = Array.from({ length: jobCount }, (_, index) => jobOf(index));
  const out = createWriteStream(join(directory, "events.jsonl"));
  const write = async (event: RunEvent): Promise<void> => {
    if (!out.write(`${JSON.stringify(event)}\n`)) await once(out, "drain");
  };
  await write({
    type: "run-started",
    at: at(0),
    version: eventsVersion,
    run: "2026-11-21T07-31-00",
    harness: "0.1.0",
    host: {
      name: "runner",
      kernel: "6.1.0",
      qemu: "7.2",
      accelerator: "tcg",
      cpus: 2,
      memoryMiB: 24_000,
    },
    command: ["run", "--suite", "full"],
    jobs,
  });
  for (const [index, { id }] of jobs.entries())
    for (const event of eventsOf(id, index)) await write(event);
  await write({ type: "run-ended", at: at(9000) });
  out.end();
  await once(out, "finish");
  const console = `${bootLine.repeat(consoleLines - 1)}${panicLine}\n`;
  for (let index = 0; index < jobCount; index += failedEvery) {
    const path = join(directory, consoleOf(index));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, console);
  }
}
