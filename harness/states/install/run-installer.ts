/**
 * Runs an installer ISO to its end, as somebody would who puts it into a machine: its kernel starts, its stages are
 * followed on console and log port, and it ends the machine by itself. Afterwards the disk stands alone.
 */
import { stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Architecture, InstallerImage } from "../../../images/image.ts";
import { BootFailed, CannotTell, UsageError } from "../../base/errors.ts";
import { fileStamp } from "../../base/file-stamp.ts";
import { whyFull } from "../../base/no-space.ts";
import { runCommand } from "../../base/process.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { formatDuration } from "../../base/units.ts";
import type { Firmware, Machine, MachineDriver, MachineSpec } from "../../machine/machine.ts";
import { guestCpus } from "../../machine/profile.ts";
import { startWatchdog } from "../build/watchdog.ts";
import { followLines } from "../follow-lines.ts";
import type { MakeOptions } from "../state.ts";
import { anaconda } from "./anaconda-words.ts";
import { unlessOtherPlatform } from "./boot-platform.ts";
import { debianInstaller } from "./debian-words.ts";
import { installerFailed, type KickstartAuthor } from "./installer-failed.ts";
import { kickstartVolume, takeKernel } from "./installer-files.ts";
import {
  type InstallerBoot,
  installerSpec,
  type KickstartWay,
  kickstartName,
  typedArguments,
  usualWays,
} from "./installer-machine.ts";
import { InstallProgress, type InstallStage, rank, type StageStart } from "./installer-stages.ts";
import { serveKickstart } from "./kickstart-service.ts";
import { type ServedPayload, whileServed } from "./served-payload.ts";
import { type Typed, typeAtLoader } from "./type-at-loader.ts";

export interface InstallRequest {
  /** How the ISO is called in messages. */
  readonly name: string;
  readonly installer: InstallerImage;
  readonly architecture: Architecture;
  readonly firmware: Firmware;
  /** The text of a kickstart; null where the ISO's own is used. */
  readonly kickstart: string | null;
  /** How the installer gets it. Default: on a volume. */
  readonly way?: KickstartWay | undefined;
  readonly author: KickstartAuthor;
  /** How it is started. Default: directly. */
  readonly boot?: InstallerBoot | undefined;
  /** The image to install, where it is served by the harness. Belongs to the caller. */
  readonly payload?: ServedPayload | null | undefined;
  /** Bytes of what it brings onto the disk, packed; 0 where that is not known. */
  readonly payloadBytes: number;
  readonly sizeMiB: number;
  readonly memoryMiB: number;
  readonly network: MachineSpec["network"];
  /** How long it may stand still, milliseconds; undefined: as the host's slowness allows. */
  readonly stillMs?: number | undefined;
  /** Where the disk goes. Does not exist yet; its folder does. */
  readonly target: string;
  /** An empty folder for what is needed on the way; its owner removes it. */
  readonly scratch: string;
}

export interface InstallResult {
  /** From the kernel's first line until the installer ended the machine. Milliseconds. */
  readonly durationMs: number;
  readonly stages: readonly StageStart[];
  /** What was typed at the ISO's boot loader; null where it was not started by that. */
  readonly typed: (Typed & { readonly words: readonly string[] }) | null;
}

/** How long nothing may change: neither the disk nor what is said. Milliseconds, scaled; upstream's own test takes two minutes. */
const usualStillMs = 4 * 60_000;
/** After a word of failure: until nothing more is said of it. Milliseconds, scaled a little by the host's slowness. */
const quietMs = 4000;
const lookMs = 500;

/**
 * Installs. Throws ExpectationFailed and BootFailed where the ISO is to blame, UsageError for a kickstart of the caller's
 * that the installer refuses, HostUnfit and MachineFault for the host, CannotTell for everything else.
 */
export async function runInstaller(
  driver: MachineDriver,
  request: InstallRequest,
  given: MakeOptions,
): Promise<InstallResult> {
  const { installer, target, sizeMiB, name, payload = null } = request;
  const how = { ...given, signal: whileServed(payload, given.signal) };
  const { signal, directory } = how;
  if ((await fileStamp(installer.path).catch(() => null)) !== installer.stamp)
    throw new UsageError(`The ISO image '${name}' has changed since it was looked at.`);
  const direct = request.boot === "loader" ? null : await takeKernel(request, signal);
  const way = request.kickstart === null ? null : (request.way ?? usualWays[installer.family]);
  const kickstart = way === "oemdrv" ? await kickstartVolume(request) : null;
  // A person's own kickstart may hold passwords, and evidence is uploaded.
  if (request.kickstart !== null && request.author === "harness")
    await writeFile(join(directory, kickstartName), maskSecrets(request.kickstart));
  await using service = way === "http" ? await serveKickstart(request.kickstart ?? "") : null;
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", target, `${sizeMiB}M`], { signal });
  const logFile = join(directory, "installer.log");
  await writeFile(logFile, "");
  const machine = await driver.create(
    installerSpec({
      ...request,
      ...{ direct, kickstart, logFile, way, cpus: guestCpus },
      forwards: [service, payload].flatMap((one) => (one === null ? [] : [one.forward])),
    }),
    { directory, signal },
  );
  try {
    how.onEvidence({ kind: "console", path: machine.console.path });
    how.onEvidence({ kind: "installer", path: logFile });
    return await follow(machine, driver.timeScale, { ...request, logFile, way }, how);
  } catch (error) {
    throw request.boot === "loader" ? unlessOtherPlatform(error, request) : error;
  } finally {
    await machine[Symbol.asyncDispose]();
  }
}

const installerWords = { anaconda, "debian-installer": debianInstaller } as const;

interface Following extends Omit<InstallRequest, "way"> {
  readonly logFile: string;
  readonly way: KickstartWay | null;
}

/** Switches on and waits for the end. */
async function follow(
  machine: Machine,
  scale: number,
  request: Following,
  how: MakeOptions,
): Promise<InstallResult> {
  const began = performance.now();
  const words = installerWords[request.installer.family];
  const progress = new InstallProgress(began, words);
  let heard = 0;
  const hear = (line: string): void => {
    if (!words.idle.test(line)) heard++;
    const now = performance.now();
    if (!progress.feed(line, now)) return;
    if (progress.stage === "anaconda") machine.console.guestAnswered();
    how.onStage(`installer ${progress.stage}`, now - began);
  };
  const places = [machine.console.path, request.logFile];
  const followers = places.map((path) => followLines(path, hear));
  const limitMs = request.stillMs ?? usualStillMs * scale;
  using watchdog = startWatchdog({
    limitMs,
    whyHopeless: () => whyFull(dirname(request.target)),
    look: async () => {
      const { blocks } = await stat(request.target);
      return `${blocks} ${heard}`;
    },
    reason: () =>
      progress.failed.length > 0
        ? installerFailed(progress, { ...request, lookAt: machine.console.path })
        : stoodStill(request, progress.stage, limitMs, machine),
  });
  const signal = AbortSignal.any([how.signal, watchdog.signal]);
  const hearAll = async (): Promise<void> => {
    // A look that is under way may have begun before the last byte came.
    for (const follower of [...followers, ...followers]) await follower.catchUp();
  };
  try {
    await machine.power.on(how.signal);
    const typed =
      request.boot === "loader" ? await typeFor(machine, { request, scale, signal }) : null;
    await ended(machine, progress, { request, scale, hearAll, signal });
    const from = progress.starts.find(({ stage }) => stage === "kernel")?.atMs ?? began;
    return { durationMs: performance.now() - from, stages: progress.starts, typed };
  } finally {
    for (const follower of followers) await follower.stop();
  }
}

async function typeFor(
  machine: Machine,
  { request, scale, signal }: Omit<Waiting, "hearAll">,
): Promise<InstallResult["typed"]> {
  const { name, installer, way } = request;
  const words = typedArguments(way, machine.spec.architecture);
  const typing = { name, entry: installer.entry ?? null, words, scale, signal };
  return { ...(await typeAtLoader(machine, typing)), words };
}

interface Waiting {
  readonly request: Following;
  readonly scale: number;
  /** Reads what was said until now: the machine's end is told at once, its last words are read ten times a second. */
  readonly hearAll: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** Returns once the installer has ended the machine with its work done; throws what came instead. */
async function ended(machine: Machine, progress: InstallProgress, waiting: Waiting): Promise<void> {
  const { request, scale, hearAll, signal } = waiting;
  const { console } = machine;
  const end = Promise.race([machine.died, console.fatal]);
  end.catch(() => undefined);
  const patience = quietMs * Math.max(1, Math.sqrt(scale));
  for (;;) {
    const word = await Promise.race([end, pause(lookMs, signal)]).catch((error: unknown) => {
      signal.throwIfAborted();
      return error;
    });
    if (word !== undefined) await hearAll();
    if (word !== undefined) return judgeEnd(word, progress, { ...request, lookAt: console.path });
    const now = performance.now();
    const late = progress.overdue(now, scale, request.payloadBytes);
    if (progress.hasSaidWhy(now, patience) || (late !== null && progress.failed.length > 0))
      throw installerFailed(progress, { ...request, lookAt: console.path });
    if (late !== null)
      throw new CannotTell(`The installer of '${request.name}' did not get on.`, {
        details: {
          stage: late,
          why: "the stage took longer than it may",
          "to do":
            late === "complete"
              ? "see that the kickstart says reboot or poweroff: without it the installer waits for a key"
              : undefined,
          "last said": console.tail(3).join("\n") || undefined,
        },
        lookAt: console.path,
      });
  }
}

/** The machine has ended, or its console told of something fatal. */
async function judgeEnd(
  word: unknown,
  progress: InstallProgress,
  request: Following & { readonly lookAt: string },
): Promise<void> {
  const switchedOff = word instanceof BootFailed && word.pattern === "powered-off";
  if (switchedOff && progress.isDone) return;
  if (progress.failed.length > 0) throw installerFailed(progress, request);
  if (switchedOff)
    throw new CannotTell(
      `The installer of '${request.name}' ended the machine before it was done.`,
      {
        details: { stage: progress.stage },
        lookAt: request.lookAt,
      },
    );
  // The kernel was started with arguments of ours: what goes wrong before the installer runs may be our doing.
  const isOurs = rank(progress.stage) <= rank("dracut");
  if (!(word instanceof BootFailed) || !isOurs) throw word;
  throw new CannotTell(`The installer of '${request.name}' did not come up.`, {
    cause: word,
    details: {
      why: word.headline,
      "it is":
        request.boot === "loader"
          ? "the ISO's own entry, with words of the harness behind its own"
          : "the ISO's own kernel and initrd, started directly, with a command line of the harness",
    },
    lookAt: request.lookAt,
  });
}

const stoodStill = (
  { name }: Pick<InstallRequest, "name">,
  stage: InstallStage,
  limitMs: number,
  { console }: Machine,
): CannotTell =>
  new CannotTell(`The installation from '${name}' stood still.`, {
    details: {
      stage,
      why: `for ${formatDuration(limitMs)} neither the disk grew nor did the installer say anything`,
      "last said": console.tail(3).join("\n") || undefined,
    },
    lookAt: console.path,
  });

/** Resolves with undefined after a while; rejects on abort. */
function pause(ms: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve(undefined);
    }, ms);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
