/** Runs as events, shared by the tests of all report formats. Times are fixed, so golden files never change by themselves. */

import { type EventOf, eventsVersion, type RunEvent } from "../../harness/log/events.ts";
import { frozen } from "./frozen.ts";

const begin = Date.parse("2026-11-21T07:31:00.000Z");
export const at = (seconds: number): string => new Date(begin + seconds * 1000).toISOString();

type JobFacts = EventOf<"run-started">["jobs"][number];

export const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

export function jobFacts(scenario: string, more: Partial<JobFacts> = {}): JobFacts {
  const image = (name: string, digit: string) => ({
    name,
    digest: digest(digit),
    architecture: "x86_64",
    standIns: ["bootc"],
  });
  return {
    id: `${scenario}@qemu-x86_64-uefi`,
    scenario,
    summary: `Says what ${scenario} proves`,
    images: { candidate: image("reference:v2", "2"), previous: image("reference:v1", "1") },
    machine: { driver: "qemu", architecture: "x86_64", firmware: "uefi" },
    repeat: `bootgate run ${scenario} --candidate reference:v2 --previous reference:v1 --firmware uefi`,
    ...more,
  };
}

export function runStarted(jobs: JobFacts[]): RunEvent {
  return {
    type: "run-started",
    at: at(0),
    version: eventsVersion,
    run: "2026-11-21T07-31-00",
    harness: "0.1.0",
    host: {
      name: "runner-7",
      kernel: "6.1.0",
      qemu: "10.1.2",
      accelerator: "tcg",
      cpus: 2,
      memoryMiB: 24_000,
    },
    command: ["bootgate", "run", "--suite", "gate"],
    jobs,
  };
}

export const panicLine =
  "[   11.402113] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)";

export const bootFailed = frozen({
  type: "BootFailed",
  headline: "Guest 'v2' did not boot: the kernel panicked in stage kernel.",
  message: `Guest 'v2' did not boot: the kernel panicked in stage kernel.\n  console    "${panicLine}" at 11.4 s\n  look at    jobs/boot-health/console-v2.log`,
  stage: "kernel",
});

const guestLost = frozen({
  type: "GuestLost",
  headline: "The ssh connection to guest 'v1' was lost and nothing on its console says why.",
  message:
    "The ssh connection to guest 'v1' was lost and nothing on its console says why.\n  last try   read ECONNRESET (12 tries)",
});

function bootEvents(job: string, from: number, guest: string, start: "cold" | "fork"): RunEvent[] {
  const console = `jobs/${job.split("@")[0]}/console-${guest}.log`;
  const stages: [string, number][] =
    start === "fork"
      ? []
      : [
          ["firmware", 0.4],
          ["bootloader", 3.1],
          ["kernel", 5.2],
          ["initrd", 9.8],
          ["userspace", 19.5],
        ];
  const ready = start === "fork" ? 1.2 : 42.5;
  const claim = guest === "v1" ? "boots the previous image" : "boots the candidate";
  return [
    { type: "step-started", at: at(from), job, step: claim },
    ...stages.map(
      ([stage, seconds]): RunEvent => ({
        type: "boot-stage",
        at: at(from + seconds),
        job,
        guest,
        stage,
        sincePowerOnMs: seconds * 1000,
      }),
    ),
    {
      type: "guest-started",
      at: at(from + ready),
      job,
      guest,
      image: "reference:v2",
      start,
      accelerator: "tcg",
      readyMs: ready * 1000,
      console,
    },
    {
      type: "step-ended",
      at: at(from + ready),
      job,
      step: claim,
      outcome: { kind: "passed" },
      durationMs: ready * 1000,
    },
  ];
}

export const step = (
  job: string,
  from: number,
  seconds: number,
  name: string,
  outcome: EventOf<"step-ended">["outcome"] = { kind: "passed" },
): RunEvent[] => [
  { type: "step-started", at: at(from), job, step: name },
  {
    type: "step-ended",
    at: at(from + seconds),
    job,
    step: name,
    outcome,
    durationMs: seconds * 1000,
  },
];

export const started = (job: string, seconds: number, attempt = 1): RunEvent => ({
  type: "job-started",
  at: at(seconds),
  job,
  attempt,
});

export const ended = (
  job: string,
  from: number,
  to: number,
  outcome: EventOf<"job-ended">["outcome"] = { kind: "passed" },
  attempt = 1,
): RunEvent => ({
  type: "job-ended",
  at: at(to),
  job,
  attempt,
  outcome,
  durationMs: (to - from) * 1000,
});

const upgrade = frozen(jobFacts("bootc/upgrade-rollback"));
const health = frozen(jobFacts("boot/health"));
const root = frozen(jobFacts("composefs/root"));
const merge = frozen(
  jobFacts("bootc/etc-var-kept", {
    id: "bootc/etc-var-kept@qemu-x86_64-bios",
    machine: { driver: "qemu", architecture: "x86_64", firmware: "bios" },
  }),
);
const board = frozen(
  jobFacts("boot/health", {
    id: "boot/health@board-pi4",
    machine: { driver: "board", architecture: "aarch64", firmware: "uefi" },
    skip: "no board of kind 'pi4' is configured",
  }),
);

function passedJob(): RunEvent[] {
  const { id } = upgrade;
  return [
    started(id, 1),
    ...bootEvents(id, 1, "v1", "fork"),
    { type: "deviation", at: at(2), job: id, id: "stand-in-bootc", text: "bootc is a stand-in" },
    ...step(id, 3, 40, "upgrade stages v2 and leaves v1 running"),
    ...step(id, 44, 61, "reboot lands in v2 and keeps v1 for rollback"),
    { type: "measure", at: at(106), job: id, name: "reboot.seconds", value: 61 },
    { type: "note", at: at(106), job: id, text: "SELinux is enforcing" },
    ended(id, 1, 106),
  ];
}

function failedJob(): RunEvent[] {
  const { id } = health;
  const log = "jobs/boot-health/console-v2.log";
  return [
    started(id, 2),
    { type: "step-started", at: at(2), job: id, step: "boots the candidate" },
    ...["firmware", "bootloader", "kernel"].map(
      (stage, index): RunEvent => ({
        type: "boot-stage",
        at: at(3 + index * 3),
        job: id,
        guest: "v2",
        stage,
        sincePowerOnMs: 1000 + index * 3000,
      }),
    ),
    { type: "evidence", at: at(14), job: id, kind: "console", path: log },
    { type: "evidence", at: at(14), job: id, kind: "screenshot", path: "jobs/boot-health/v2.png" },
    ...step(id, 2, 12, "boots the candidate", { kind: "failed", error: bootFailed }).slice(1),
    ended(id, 2, 14, { kind: "failed", error: bootFailed }),
  ];
}

function flakyJob(): RunEvent[] {
  const { id } = merge;
  const name = "/etc is merged and /var is kept";
  return [
    started(id, 20),
    ...bootEvents(id, 20, "v1", "cold"),
    ...step(id, 63, 30, name, { kind: "broken", error: guestLost }),
    ended(id, 20, 93, { kind: "broken", error: guestLost }),
    started(id, 94, 2),
    ...bootEvents(id, 94, "v1", "cold"),
    ...step(id, 137, 25, name),
    ended(id, 94, 162, { kind: "passed" }, 2),
  ];
}

function brokenJob(): RunEvent[] {
  const { id } = root;
  const error = {
    type: "HostUnfit",
    headline: "The host has 212 MiB of free memory; the job needs 2048 MiB.",
    message:
      "The host has 212 MiB of free memory; the job needs 2048 MiB.\n  look at    bootgate doctor",
  };
  return [
    started(id, 110),
    ended(id, 110, 111, { kind: "broken", error }),
    started(id, 111, 2),
    ended(id, 111, 112, { kind: "broken", error }, 2),
  ];
}

/** One job of each fate: passed, failed, flaky, broken (twice), skipped. */
export const fullRun: readonly RunEvent[] = frozen([
  runStarted([upgrade, health, root, merge, board]),
  ...passedJob(),
  ...failedJob(),
  ...flakyJob(),
  ...brokenJob(),
  { type: "run-ended", at: at(252) },
]);

/** Killed at 70 s: one job in its second step, the others not begun. */
export const killedRun: readonly RunEvent[] = frozen([
  runStarted([upgrade, health, root]),
  ...passedJob().filter((event) => event.at <= at(50)),
]);

export const greenRun: readonly RunEvent[] = frozen([
  runStarted([upgrade]),
  ...passedJob(),
  { type: "run-ended", at: at(106) },
]);
