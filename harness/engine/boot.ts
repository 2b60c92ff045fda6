/**
 * From an image to a running machine: a fork of a guest that was booted once through the very same unmodified boot,
 * or a cold boot where the boot is what is tested, where the driver cannot fork, or where a restore fails.
 */
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Image } from "../../images/image.ts";
import { HostUnfit, MachineFault } from "../base/errors.ts";
import { channelCredential } from "../guest/channel/unit.ts";
import { connectGuest } from "../guest/connect.ts";
import type { TransportChoice } from "../guest/connect-options.ts";
import type { SshKey } from "../guest/ssh/ssh-key.ts";
import type { JobEvent } from "../log/events.ts";
import type {
  Deviation,
  Firmware,
  GuestForward,
  Machine,
  MachineDriver,
  MachineSpec,
} from "../machine/machine.ts";
import { takeEvidence } from "./evidence.ts";

/** What all boots of a job have in common. */
export interface BootPlan {
  readonly driver: MachineDriver;
  readonly firmware: Firmware;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly network: "closed" | "open";
  readonly key: SshKey;
  readonly credentials: Readonly<Record<string, string>>;
  /** Caused by the credentials and options above. */
  readonly deviations: readonly Deviation[];
  readonly start: "cold" | "fork";
  /** How the guest is spoken to. Default `ssh`. */
  readonly transport?: TransportChoice | undefined;
  /** 1 with hardware acceleration, more under emulation. */
  readonly timeScale: number;
  /** One template is made at a time in this process. */
  readonly oneAtATime: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}

export interface StartRequest {
  readonly name: string;
  readonly image: Image;
  readonly forwards: readonly GuestForward[];
  readonly directory: string;
  /** Paths in events are relative to it. */
  readonly runDirectory: string;
  readonly signal: AbortSignal;
  readonly log: (event: JobEvent) => void;
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
    memoryMiB: plan.memoryMiB,
    cpus: plan.cpus,
    disks: [
      { kind: "overlay", backingFile: image.disk.path, backingFormat: image.disk.format },
    ] as const,
    network: plan.network,
    forwards,
    credentials: plan.credentials,
    imageDigest: image.digest,
    channel: channelCredential in plan.credentials,
  });
}

/** Starts the machine and returns it powered on. The caller owns it. */
export async function startMachine(plan: BootPlan, request: StartRequest): Promise<Machine> {
  const { directory, signal, log } = request;
  const spec = machineSpec(plan, request);
  const { templates } = plan.driver;
  if (plan.start === "fork" && templates !== null) {
    const key = await templates.key(spec);
    await plan.oneAtATime(key, () => ensureTemplate(plan, request, spec, key));
    try {
      return await templates.fork(key, spec, { directory, signal });
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      await templates.forget(key);
      log({ type: "note", text: `The fork failed, so the guest boots cold: ${error.headline}` });
    }
  }
  const machine = await plan.driver.create(spec, { directory, signal });
  try {
    await machine.power.on(signal);
    return machine;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

async function ensureTemplate(
  plan: BootPlan,
  request: StartRequest,
  spec: MachineSpec,
  key: string,
): Promise<void> {
  const { templates } = plan.driver;
  if (templates === null || (await templates.find(key)) !== null) return;
  await using _lock = await templates.lock(key, request.signal);
  if ((await templates.find(key)) !== null) return;
  const { signal, log, image, runDirectory } = request;
  const directory = join(request.directory, "template");
  await mkdir(directory, { recursive: true });
  const name = `${request.name}-template`;
  const began = performance.now();
  // The template is nobody's guest: it gets no forwards, they are given to each fork.
  const options = { directory, signal };
  await using machine = await plan.driver.create({ ...spec, name, forwards: [] }, options);
  log({ type: "evidence", kind: "console", path: relative(runDirectory, machine.console.path) });
  await machine.power.on(signal);
  const stopStages = machine.console.onStage((mark) =>
    log({ type: "boot-stage", guest: name, stage: mark.stage, sincePowerOnMs: mark.sinceMs }),
  );
  try {
    const { key: sshKey, timeScale, transport } = plan;
    const waiting = { machine, image, name, signal };
    const guest = await connectGuest({ ...waiting, key: sshKey, timeScale, transport });
    await guest.systemd.settled();
    await guest[Symbol.asyncDispose]();
  } catch (error) {
    await takeEvidence({ name, machine, guest: null, directory }, runDirectory, log, 5000);
    throw error;
  } finally {
    stopStages();
  }
  await templates.freeze(machine, key, signal);
  log({
    type: "measure",
    name: "template.seconds",
    value: (performance.now() - began) / 1000,
  });
}
