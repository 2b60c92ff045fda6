/**
 * One run from its jobs to its reports: makes the run directory, wires driver, registry and log to the runner, renews
 * the reports as jobs end, and always writes all of them at the end.
 */
import { randomBytes } from "node:crypto";
import { rename, rm, symlink } from "node:fs/promises";
import { cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Image } from "../../images/image.ts";
import { type RunStopped, UsageError } from "../base/errors.ts";
import { makeFolder } from "../base/make-folder.ts";
import { harnessVersion } from "../base/version.ts";
import type { TransportChoice } from "../guest/connect-options.ts";
import { guestCredentials } from "../guest/credentials.ts";
import type { SshKey } from "../guest/ssh/ssh-key.ts";
import { openEventLog } from "../log/event-log.ts";
import { type EventOf, eventsVersion, type RunEvent, type ShardFacts } from "../log/events.ts";
import type { RunModel } from "../log/model-schema.ts";
import { RunFold } from "../log/run-model.ts";
import type { MachineDriver } from "../machine/machine.ts";
import type { BootPlan } from "./boot.ts";
import { type Job, jobFacts } from "./plan.ts";
import { createKeyedMutex, runJobs } from "./run.ts";
import { startDeadline } from "./run-deadline.ts";
import { HostBudget, measureHost } from "./schedule.ts";
import type { Hold, OpenShelf } from "./stage.ts";

/** Where guests find the registry; the address belongs to no one outside (RFC 1918) and is the same in every run. */
export const guestRegistry = "10.0.2.100:5000";

/** Gives each scenario a registry of its own. */
export interface ShelfSource {
  open(images: readonly Image[]): Promise<OpenShelf>;
}

/** Writes the reports of a run that goes on. */
export interface ReportWriter {
  /** Writes what a CI looks at anew, soon; calls while a write goes on are merged into one. */
  renew(): void;
  /** Waits for the last renewal and writes every report. Throws HostUnfit when one cannot be written. */
  finish(): Promise<void>;
}

export interface ExecuteOptions {
  readonly jobs: readonly Job[];
  /** Set when other runs play the rest of the jobs. */
  readonly shard: ShardFacts | null;
  /** Digest of the policy that the run was checked against. */
  readonly policy: string | null;
  /** Milliseconds a job is expected to take, by its id; null when nothing is known. */
  readonly expectedMs: (job: string) => number | null;
  /** Makes what renews the reports of a run directory; the engine does not know a report. */
  readonly createReports: (directory: string, model: () => RunModel) => ReportWriter;
  readonly driver: MachineDriver;
  readonly accelerator: string;
  readonly emulatorVersion: string | null;
  readonly shelves: ShelfSource;
  readonly key: SshKey;
  readonly outDirectory: string;
  readonly command: readonly string[];
  readonly parallel: number | "auto";
  readonly cold: boolean;
  /** Whether what does not pass on a fork is run again cold. */
  readonly recheckCold: boolean;
  readonly retries: number;
  /** Milliseconds from now until the run has to have ended, below zero when that was before; null: whenever. */
  readonly deadlineMs: number | null;
  readonly memoryMiB: number;
  readonly network: "closed" | "open";
  /** False leaves the root channel out. Default true. */
  readonly channel?: boolean | undefined;
  /** How stories speak to guests. Default `ssh`. */
  readonly transport?: TransportChoice | undefined;
  readonly hold: Hold | null;
  /** The event to log when a job's failure is listed as known, else null. */
  readonly knownFailure: (model: RunModel, job: string) => EventOf<"known-failure"> | null;
  readonly signal: AbortSignal;
  /** Ends the run for a reason of ours; must abort `signal`. */
  readonly stop: (reason: RunStopped) => void;
  readonly onEvent: (event: RunEvent) => void;
}

export interface ExecutedRun {
  readonly model: RunModel;
  readonly directory: string;
}

/** How much slower a guest is than with hardware acceleration: limits are stretched by this. */
export const timeScaleOf = (accelerator: string): number => (accelerator === "tcg" ? 6 : 1);

/** Runs the jobs; resolves with the model of what happened, also after an abort. */
export async function executeRun(options: ExecuteOptions): Promise<ExecutedRun> {
  const id = `${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}-${randomBytes(2).toString("hex")}`;
  const directory = await makeRunDirectory(options.outDirectory, id);
  const fold = new RunFold();
  const writer = options.createReports(directory, () => fold.model());
  using log = openEventLog(join(directory, "events.jsonl"), (event) => {
    fold.add(event);
    options.onEvent(event);
    if (event.type !== "job-ended") return;
    const known = options.knownFailure(fold.model(), event.job);
    if (known !== null) log.append(known);
    writer.renew();
  });
  log.append({
    type: "run-started",
    version: eventsVersion,
    run: id,
    harness: harnessVersion,
    host: {
      name: hostname(),
      kernel: release(),
      qemu: options.emulatorVersion,
      accelerator: options.accelerator,
      cpus: cpus().length,
      memoryMiB: Math.floor(totalmem() / 1024 / 1024),
    },
    command: [...options.command],
    jobs: options.jobs.map(jobFacts),
    ...(options.shard === null ? {} : { shard: options.shard }),
    ...(options.policy === null ? {} : { policy: options.policy }),
  });
  writer.renew();
  const deadline = startDeadline(options);
  try {
    await runJobs({
      jobs: options.jobs,
      log,
      runDirectory: directory,
      budget: new HostBudget(await measureHost(directory, cpus().length)),
      parallel: options.parallel === "auto" ? Math.max(1, cpus().length) : options.parallel,
      retries: options.retries,
      recheckCold: options.recheckCold,
      signal: options.signal,
      bootPlan: bootPlanner(options),
      openShelf: (job) => options.shelves.open(Object.values(job.images)),
      hold: options.hold,
      mayStart: (job, attempt) => deadline.mayStart(job, attempt),
    });
  } finally {
    deadline[Symbol.dispose]();
    const stopped = whyStopped(options.signal) ?? deadline.whyHeldBack();
    log.append({ type: "run-ended", ...(stopped === undefined ? {} : { stopped }) });
    await writer.finish();
  }
  return { model: fold.model(), directory };
}

function whyStopped({ aborted, reason }: AbortSignal): string | undefined {
  if (!aborted) return undefined;
  return reason instanceof Error ? reason.message : "The run was stopped.";
}

function bootPlanner(options: ExecuteOptions): (job: Job) => BootPlan {
  const { credentials, deviations } = guestCredentials({
    publicKey: options.key.publicKey,
    insecureRegistries: [guestRegistry],
    channel: options.channel ?? true,
  });
  const oneAtATime = createKeyedMutex();
  return (job) => ({
    driver: options.driver,
    firmware: job.machine.firmware,
    memoryMiB: options.memoryMiB,
    cpus: 2,
    network: options.network,
    key: options.key,
    transport: options.transport,
    credentials,
    deviations,
    start: options.cold || job.scenario.definition.start === "cold" ? "cold" : "fork",
    timeScale: timeScaleOf(options.accelerator),
    oneAtATime,
  });
}

async function makeRunDirectory(outDirectory: string, id: string): Promise<string> {
  const directory = join(outDirectory, id);
  try {
    await makeFolder(directory);
    await pointLatest(outDirectory, id);
  } catch (error) {
    throw unusableOut(outDirectory, error);
  }
  return directory;
}

/** One sentence about a folder for run directories that is none. */
export const unusableOut = (path: string, error: unknown): UsageError =>
  new UsageError(
    `The folder '${path}' cannot hold run directories: ${error instanceof Error ? error.message : String(error)}.`,
    { cause: error },
  );

/** `runs/latest` always names the newest run; renamed into place so that it never is missing. */
async function pointLatest(outDirectory: string, id: string): Promise<void> {
  const draft = join(outDirectory, `.latest-${id}`);
  await symlink(id, draft);
  await rename(draft, join(outDirectory, "latest")).catch(() => rm(draft, { force: true }));
}
