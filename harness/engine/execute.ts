/**
 * One run from its jobs to its reports: makes the run directory, wires driver, fixtures and log to the runner, renews
 * the reports as jobs end, and always writes all of them at the end.
 */
import { randomBytes } from "node:crypto";
import { cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Image } from "../../images/image.ts";
import { RunStopped } from "../base/errors.ts";
import { maskSecrets } from "../base/secrets.ts";
import { stampForName } from "../base/units.ts";
import { harnessVersion } from "../base/version.ts";
import type { TransportChoice } from "../guest/connect-options.ts";
import { type GuestCredentials, guestCredentials } from "../guest/credentials.ts";
import type { SshKey } from "../guest/ssh/ssh-key.ts";
import { type EventLog, openEventLog } from "../log/event-log.ts";
import { type EventOf, eventsVersion, type RunEvent, type ShardFacts } from "../log/events.ts";
import type { RunModel } from "../log/model-schema.ts";
import { RunFold } from "../log/run-model.ts";
import type { MachineDriver } from "../machine/machine.ts";
import { isOf } from "../machine/profile.ts";
import { States } from "../states/states.ts";
import { updateBehind } from "./behind.ts";
import type { BootPlan, DiskSource } from "./boot.ts";
import { usableProcessors } from "./cgroup-limits.ts";
import { RunClaims } from "./claims.ts";
import type { Hold } from "./evidence.ts";
import { openHostBudget } from "./host-share.ts";
import { type ImageFinder, machineChecks } from "./known-good.ts";
import { type LayerReader, logImageLayers } from "./log-image-layers.ts";
import { guestHardware } from "./need-words.ts";
import { type FixtureTable, openFixture } from "./open-fixtures.ts";
import { type Job, jobFacts } from "./plan.ts";
import { prepareJob } from "./prepare.ts";
import { type RunOptions, runJobs } from "./run.ts";
import { type RunDeadline, startDeadline } from "./run-deadline.ts";
import { makeRunDirectory } from "./run-directory.ts";
import type { ImageChanger } from "./stage-options.ts";

/** What stories can have around their guests, and what makes images for them. */
export interface FixtureSource extends Pick<RunOptions, "openCuts"> {
  /** Makes images ready to be served. A job does it before its clock starts. */
  prepare?(images: readonly Image[]): Promise<void>;
  /** Each attempt of a job has fixtures of its own. */
  readonly table: FixtureTable;
  /** Makes an image of another by one small layer more, for a story that serves it. */
  readonly changeImage?: ImageChanger;
}

/** Writes the reports of a run that goes on. */
export interface ReportWriter {
  /** Writes what a CI looks at again, soon; calls while a write goes on are merged into one. */
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
  /** A driver for each kind of machine that the jobs run on. */
  readonly drivers: readonly MachineDriver[];
  readonly fixtures: FixtureSource;
  /** Makes disks of OCI images; absent where none can be made. */
  readonly disks?: DiskSource | undefined;
  /** Finds the known-good image of a board. Absent: none is booted. */
  readonly findImage?: ImageFinder | undefined;
  /** Tells of which layers a candidate is made. Absent: no report says it. */
  readonly readLayers?: LayerReader | undefined;
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

/** The version of QEMU that runs the guests, by itself or under libvirt; null where none does. */
function qemuOf(drivers: readonly MachineDriver[]): string | null {
  const byKind = (wanted: MachineDriver["kind"]) => drivers.find(({ kind }) => kind === wanted);
  return (byKind("qemu") ?? byKind("libvirt"))?.version ?? null;
}

/** Runs the jobs; resolves with the model of what happened, also after an abort. */
export async function executeRun(options: ExecuteOptions): Promise<ExecutedRun> {
  const id = `${stampForName()}-${randomBytes(2).toString("hex")}`;
  const directory = await makeRunDirectory(options.outDirectory, id);
  const fold = new RunFold();
  const writer = options.createReports(directory, () => fold.model());
  const onEvent = (event: RunEvent): void => {
    fold.add(event);
    options.onEvent(event);
    if (event.type !== "job-ended") return;
    const known = options.knownFailure(fold.model(), event.job);
    if (known !== null) log.append(known);
    writer.renew();
  };
  using log = openEventLog(join(directory, "events.jsonl"), onEvent, {
    // Guests write to a disk too, and what they do on a full one says nothing about an image.
    onTrouble: (cause) => options.stop(new RunStopped(cause.headline, { cause })),
  });
  log.append({
    type: "run-started",
    version: eventsVersion,
    run: id,
    harness: harnessVersion,
    host: {
      name: hostname(),
      kernel: release(),
      qemu: qemuOf(options.drivers),
      accelerator: acceleratorWords(options.drivers),
      cpus: cpus().length,
      memoryMiB: Math.floor(totalmem() / 1024 / 1024),
    },
    command: options.command.map(maskSecrets),
    jobs: options.jobs.map(jobFacts),
    ...(options.shard === null ? {} : { shard: options.shard }),
    ...(options.policy === null ? {} : { policy: options.policy }),
  });
  await logImageLayers(options, log);
  writer.renew();
  const deadline = startDeadline(options);
  try {
    await playJobs(options, { directory, log, deadline });
  } finally {
    deadline[Symbol.dispose]();
    const stopped = whyStopped(options.signal) ?? deadline.whyHeldBack();
    log.append({ type: "run-ended", ...(stopped === undefined ? {} : { stopped }) });
    await writer.finish();
    log.flush();
  }
  return { model: fold.model(), directory };
}

interface RunPlace {
  readonly directory: string;
  readonly log: EventLog;
  readonly deadline: RunDeadline;
}

async function playJobs(
  options: ExecuteOptions,
  { directory, log, deadline }: RunPlace,
): Promise<void> {
  await using budget = await openHostBudget();
  const states = new States({
    directory: join(directory, "states"),
    signal: options.signal,
    onReport: (report) => log.append(report),
  });
  const bootPlan = bootPlanner(options, states);
  await runJobs({
    jobs: options.jobs,
    log,
    runDirectory: directory,
    budget,
    parallel: options.parallel === "auto" ? await usableProcessors() : options.parallel,
    retries: options.retries,
    recheckCold: options.recheckCold,
    signal: options.signal,
    bootPlan,
    prepare: async (job, turn) =>
      prepareJob(job, bootPlan(job), {
        runDirectory: directory,
        turn,
        serve: async (images) => options.fixtures.prepare?.(images),
      }),
    fixturesOf: (job) => (name) =>
      openFixture(options.fixtures.table, name, {
        images: Object.values(job.images),
        guests: driverOf(options, job).registry,
      }),
    changeImage: options.fixtures.changeImage ?? cannotChange,
    openCuts: options.fixtures.openCuts,
    hold: options.hold,
    checkMachine: options.findImage && machineChecks(options.findImage),
    mayStart: (job, attempt) => deadline.mayStart(job, attempt),
  });
}

const cannotChange: ImageChanger = () => {
  throw new TypeError("This run cannot make images.");
};

const whyStopped = ({ aborted, reason }: AbortSignal): string | undefined =>
  aborted ? (reason instanceof Error ? reason.message : "The run was stopped.") : undefined;

/** The accelerators of a run's machines, each once. */
const acceleratorWords = (drivers: readonly MachineDriver[]): string =>
  [...new Set(drivers.map(({ accelerator }) => accelerator))].sort().join(", ");

/** The driver of a job's machines. Throws TypeError where the run was given none: jobs are planned from the drivers. */
function driverOf({ drivers }: Pick<ExecuteOptions, "drivers">, { machine }: Job): MachineDriver {
  const driver = drivers.find((one) => isOf(one, machine));
  if (driver === undefined)
    throw new TypeError(`The run has no driver '${machine.word ?? machine.driver}'.`);
  return driver;
}

function bootPlanner(options: ExecuteOptions, states: States): (job: Job) => BootPlan {
  const claims = new RunClaims();
  return ({ machine, disks = options.disks, ...job }) => {
    const driver = driverOf(options, { machine, ...job });
    // A machine without a network is spoken to over its console.
    const transport = driver.capabilities.has("network") ? options.transport : "serial";
    const isFork =
      !options.cold &&
      job.scenario.definition.start !== "cold" &&
      driver.capabilities.has("snapshot");
    return {
      ...machine,
      ...harnessCredentials(options.key, driver, { ...options, transport }),
      driver,
      key: options.key,
      start: isFork ? "fork" : "cold",
      behind: updateBehind(job, options.fixtures.table, driver.registry),
      ...guestHardware(job.scenario.definition.needs),
      transport,
      claims,
      states,
      disks,
      ...(job.scenario.definition.needs.live === undefined
        ? {}
        : { medium: disks?.boot ?? "direct" }),
      hold: options.hold,
    };
  };
}

/**
 * What every guest of the harness is given: its key, the registry that its machines reach, the root channel unless it is left out, and
 * a login on its serial console where stories may go that way.
 */
export const harnessCredentials = (
  { publicKey }: SshKey,
  { registry, hasChannel = true }: Pick<MachineDriver, "registry" | "hasChannel">,
  { channel = true, transport = "ssh" }: Pick<ExecuteOptions, "channel" | "transport"> = {},
): GuestCredentials =>
  guestCredentials({
    publicKey,
    insecureRegistries: registry === null ? [] : [`${registry.address}:${registry.port}`],
    channel: channel && hasChannel,
    serial: transport === "serial" || transport === "auto",
  });
