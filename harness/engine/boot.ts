/**
 * From an image to a running machine: a fork of a guest that was booted once through the very same unmodified boot,
 * or a cold boot where the boot is what is tested, where the driver cannot fork, or where a restore fails.
 */
import { relative, resolve } from "node:path";
import type { DiskImage, Image } from "../../images/image.ts";
import type { Deviation } from "../base/deviations.ts";
import { HostUnfit, MachineFault } from "../base/errors.ts";
import { channelCredential } from "../guest/channel/unit.ts";
import type { TransportChoice } from "../guest/connect-options.ts";
import type { SshKey } from "../guest/ssh/ssh-key.ts";
import type { JobEvent } from "../log/events.ts";
import type {
  DiskBus,
  Firmware,
  GuestForward,
  Machine,
  MachineDriver,
  MachineSpec,
} from "../machine/machine.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { bootedState, type ServedUpdate } from "../states/booted.ts";
import type { InstallerBoot } from "../states/install/installer-machine.ts";
import type { State } from "../states/state.ts";
import type { States } from "../states/states.ts";
import type { RunClaims } from "./claims.ts";
import { unlessClosed } from "./closed-network.ts";
import { evidenceBudget, type Hold, takeEvidence } from "./evidence.ts";
import { startMedium } from "./medium.ts";
import { rowsOf, unlessOutOfMemory } from "./out-of-memory.ts";
import { unlessUntold } from "./untold-passphrase.ts";

/** What all boots of a job have in common. */
export interface BootPlan
  extends Pick<
    MachineProfile,
    "firmware" | "memoryMiB" | "cpus" | "network" | "timeScale" | "tpm"
  > {
  readonly driver: MachineDriver;
  readonly key: SshKey;
  readonly credentials: Readonly<Record<string, string>>;
  /** Caused by the credentials and options above. */
  readonly deviations: readonly Deviation[];
  readonly start: "cold" | "fork";
  /** Empty disks of each guest beside the one that it boots from, MiB each. Absent: none. */
  readonly blankDisksMiB?: readonly number[] | undefined;
  /** What its disks hang on. Absent: virtio-blk. */
  readonly diskBus?: DiskBus | undefined;
  /** What its guests write is recorded, but of those that boot from what a power cut left. */
  readonly recordsWrites?: boolean | undefined;
  /** How the guest is spoken to. Default `ssh`. */
  readonly transport?: TransportChoice | undefined;
  /** Lets a person look at a guest that did not boot, also where it was booted to be forked from. */
  readonly hold?: Hold | null;
  /** What guests of bare disks said of themselves in this run. */
  readonly claims: RunClaims;
  /** What guests are forked from, and the disks that had to be made. */
  readonly states: States;
  /** Makes the disk of an OCI image; absent where none can be made. */
  readonly disks?: DiskSource | undefined;
  /** Set where the image is a medium that is booted itself, with how it is started. */
  readonly medium?: InstallerBoot | undefined;
  /** What the guest of one of the job's images has behind it when the story gets it (`needs.from`); absent: its boot alone. */
  readonly behind?: ServedUpdate | undefined;
}

/** The update that a guest of the image has to have behind it. */
export const behindOf = (
  { behind }: Pick<BootPlan, "behind">,
  image: Image,
): ServedUpdate | undefined => (behind?.of === image ? behind : undefined);

/** What makes disks of OCI images. */
export interface DiskSource {
  /** The state that makes the image's disk for a firmware; null where nothing has to be made or can be. */
  stateOf(image: Image, firmware: Firmware): Promise<State | null>;
  /** The image with the disk that its state has made. */
  withDisk(image: Image, firmware: Firmware): Promise<Image>;
  /** How an ISO is started, whether it installs or is booted itself. Default: directly. */
  readonly boot?: InstallerBoot | undefined;
}

export interface StartRequest {
  readonly name: string;
  readonly image: Image;
  readonly forwards: readonly GuestForward[];
  readonly directory: string;
  /** Paths in events are relative to it. */
  readonly runDirectory: string;
  readonly signal: AbortSignal;
  /** Stops the clock of the job; absent where it has none. */
  readonly pauseClock?: (() => () => void) | undefined;
  readonly log: (event: JobEvent) => void;
  /** What the story is to measure. */
  readonly measures?: readonly string[] | undefined;
  /** What the guest has to have behind it. A machine that is not a fork has not, and is brought there by the caller. */
  readonly behind?: ServedUpdate | undefined;
  /** Told how the disk that is booted differs from a user's. */
  readonly onDeviation?: ((deviation: Deviation) => void) | undefined;
}

/** The spec of the machine a guest of this image runs on. Throws HostUnfit for an image without a disk (the plan skips those). */
export function machineSpec(
  plan: BootPlan,
  request: Pick<StartRequest, "name" | "image" | "forwards">,
): MachineSpec {
  const { name, image, forwards } = request;
  if (image.disk === null)
    throw new HostUnfit(`The image '${image.name}' has no installed disk to boot.`);
  return Object.freeze({
    name,
    architecture: image.architecture,
    firmware: plan.firmware,
    secureBootKeys: image.secureBootKeys,
    tpm: plan.tpm,
    memoryMiB: plan.memoryMiB,
    cpus: plan.cpus,
    diskBus: plan.diskBus,
    disks: [
      {
        kind: "overlay" as const,
        backingFile: image.disk.path,
        backingFormat: image.disk.format,
        contentDigest: image.disk.digest,
        stamp: image.disk.stamp,
        sectorBytes: image.disk.sectorBytes,
      },
      ...(plan.blankDisksMiB ?? []).map((sizeMiB) => ({ kind: "blank" as const, sizeMiB })),
    ],
    network: plan.network,
    forwards,
    credentials: plan.credentials,
    imageDigest: image.digest,
    ...(plan.recordsWrites === true && image.cutAt === undefined ? { recordsWrites: true } : {}),
    passphrase: image.disk.passphrase,
    ...(image.disk.passphraseUntold === true ? { passphraseUntold: true } : {}),
    channel: channelCredential in plan.credentials,
  });
}

/** A spec that costs what a guest of the image costs, also before its disk is made. */
export function costSpec(plan: BootPlan, image: Image): MachineSpec {
  const disk: DiskImage = image.disk ?? { path: "", format: "qcow2", digest: image.digest };
  return machineSpec(plan, { name: "cost", image: { ...image, disk }, forwards: [] });
}

/** The image with a disk to boot from, made where it has none. Throws what making it threw. */
async function imageToBoot(plan: BootPlan, request: StartRequest): Promise<Image> {
  const { image, runDirectory, log } = request;
  const state = (await plan.disks?.stateOf(image, plan.firmware)) ?? null;
  if (state === null || plan.disks === undefined) return image;
  const lack = await plan.states.need(
    state,
    ({ kind, path }) => log({ type: "evidence", kind, path: relative(runDirectory, path) }),
    (text) => log({ type: "note", text }),
  );
  if (lack === null) return plan.disks.withDisk(image, plan.firmware);
  throw new HostUnfit(
    `The disk of '${image.name}' was not made before the job began, or could not be kept.`,
    { details: { said: lack } },
  );
}

/** The state that a guest of this plan is forked from; null where it boots cold. */
export async function stateFor(
  plan: BootPlan,
  request: Pick<StartRequest, "name" | "image" | "runDirectory" | "behind">,
): Promise<State | null> {
  const { driver, key: sshKey, timeScale, transport, hold } = plan;
  if (plan.start !== "fork" || driver.templates === null) return null;
  // A fork cannot be recorded, and what a power cut left boots once.
  if (plan.recordsWrites === true) return null;
  const { name, image, runDirectory, behind } = request;
  // What would have to be done to the guest besides is told by the job itself, so the job does it.
  if (behind !== undefined && image.follows !== behind.reference) return null;
  return bootedState({
    driver,
    templates: driver.templates,
    spec: machineSpec(plan, { name, image, forwards: [] }),
    image,
    sshKey,
    timeScale,
    transport,
    behind,
    keep: async (machine, error, { directory, runSignal, onEvidence }) => {
      const source = { name, machine, guest: null, directory, login: plan };
      const rows = rowsOf([machine.console]);
      using budget = evidenceBudget(timeScale, runSignal);
      const keep = (event: JobEvent): void => {
        if (event.type !== "evidence") return;
        onEvidence({ kind: event.kind, path: resolve(runDirectory, event.path) });
      };
      await takeEvidence(source, runDirectory, keep, budget);
      budget[Symbol.dispose]();
      // A terminal that has gone away must not become the failure of the image.
      if (!runSignal.aborted) await hold?.([source], error).catch(() => undefined);
      const told = unlessUntold(unlessOutOfMemory(error, rows), [machine.spec]);
      return unlessClosed(told, rows, [machine.spec]);
    },
  });
}

/** Starts the machine and returns it powered on. The caller owns it. */
export async function startMachine(plan: BootPlan, asked: StartRequest): Promise<Machine> {
  if (plan.medium !== undefined) return startMedium(plan, plan.medium, asked);
  const { directory, signal, pauseClock, log } = asked;
  const request = { ...asked, image: await imageToBoot(plan, asked) };
  for (const one of request.image.disk?.deviations ?? []) asked.onDeviation?.(one);
  const { installSeconds } = request.image.disk ?? {};
  if (installSeconds !== undefined && asked.measures?.includes("install.seconds") === true)
    log({ type: "measure", name: "install.seconds", value: installSeconds });
  const spec = machineSpec(plan, request);
  const { templates } = plan.driver;
  const state = await stateFor(plan, request);
  if (state !== null && templates !== null) {
    const note = (text: string): void => log({ type: "note", text });
    const lack = await plan.states.need(
      state,
      ({ kind, path }) =>
        log({ type: "evidence", kind, path: relative(request.runDirectory, path) }),
      note,
    );
    try {
      if (lack === null) return await templates.fork(state.key, spec, { directory, signal });
      note(lack);
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      await templates.forget(state.key);
      note(`The fork failed, so the guest boots cold: ${error.headline}`);
    }
  }
  const machine = await plan.driver.create(spec, { directory, signal, pauseClock });
  try {
    await machine.power.on(signal);
    return machine;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}
