/**
 * The helper machine: the image's own kernel and initrd with a root made of its layers, and a shell for the harness on a
 * port. It is ours and not what is judged, so nothing that goes wrong in it shows by itself that the image is bad.
 */
import {
  BootgateError,
  CannotTell,
  GuestLost,
  HostUnfit,
  MachineFault,
} from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { channelOf } from "../../guest/channel/channel-of.ts";
import type { RootChannel } from "../../guest/channel/root-channel.ts";
import type { ExecOutcome } from "../../guest/transport.ts";
import { FileFollower } from "../../machine/console/console-follower.ts";
import type { Firmware, Machine, MachineDriver, MachineSpec } from "../../machine/machine.ts";
import { speedOf } from "../../machine/profile.ts";
import type { MakeOptions } from "../state.ts";
import type { HelperPurpose } from "./helper-purpose.ts";
import { helperArguments } from "./helper-root.ts";

export interface HelperParts {
  /** How the image is called in messages. */
  readonly name: string;
  readonly purpose: HelperPurpose;
  readonly architecture: MachineSpec["architecture"];
  readonly root: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The empty disk to install on or to write to, a qcow2 file. */
  readonly target: string;
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** Until its shell answers. Milliseconds, scaled. */
const answerMs = 120_000;
const maxBytes = 1024 * 1024;

/** A helper that answers. Disposing ends it. */
export class Helper implements AsyncDisposable {
  readonly #machine: Machine;
  readonly #channel: RootChannel;
  /** As messages call it. */
  readonly #title: string;

  constructor(
    machine: Machine,
    channel: RootChannel,
    { name, purpose }: Pick<HelperParts, "name" | "purpose">,
  ) {
    this.#machine = machine;
    this.#channel = channel;
    this.#title = `The machine in which '${name}' is ${purpose.is}`;
  }

  /** Runs a command. Throws what ended the machine, GuestLost for a line that went dead, or the abort reason. */
  async exec(command: string, timeoutMs: number, signal: AbortSignal): Promise<ExecOutcome> {
    const { died, console } = this.#machine;
    const running = this.#channel.exec(command, { timeoutMs, maxBytes, signal });
    running.catch(() => undefined);
    const outcome = await Promise.race([running, died, console.fatal]).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof BootgateError) || error instanceof MachineFault) throw error;
      throw new CannotTell(`${this.#title} came to an end.`, {
        cause: error,
        details: { why: error.headline, during: command.slice(0, 500) },
        lookAt: console.path,
      });
    });
    if (outcome.lost === null) return outcome;
    throw new GuestLost(`${this.#title} does not answer.`, {
      details: { command, why: outcome.lost },
      lookAt: console.path,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine[Symbol.asyncDispose]();
  }
}

/** A helper's kernel is started past any firmware; where a machine can do without one it does. */
export const helperFirmware = (architecture: MachineSpec["architecture"]): Firmware =>
  architecture === "x86_64" ? "bios" : "uefi";

/** What the helper asks of a machine. */
export const helperSpec = (parts: HelperParts): MachineSpec =>
  Object.freeze({
    name: "helper",
    architecture: parts.architecture,
    firmware: helperFirmware(parts.architecture),
    memoryMiB: parts.memoryMiB,
    cpus: parts.cpus,
    disks: [
      { kind: "working", path: parts.root, format: "raw", readOnly: true },
      { kind: "working", path: parts.target, format: "qcow2", readOnly: false },
    ] as const,
    network: "closed",
    forwards: [],
    credentials: {},
    imageDigest: "",
    channel: true,
    directBoot: {
      kernel: parts.kernel,
      initrd: parts.initrd,
      arguments: helperArguments(parts.architecture),
    },
  });

/**
 * Starts the helper and waits for its shell. Throws MachineFault for the host's faults, CannotTell where it does not come up.
 * An emulated processor of a busy host can lose its timer for good (QEMU 10.0, seen once in some forty boots); the kernel
 * says so, and such a helper is started once more, with one processor. Nothing is judged by a helper, so nothing is hidden.
 */
export async function startHelper(
  driver: MachineDriver,
  parts: HelperParts,
  how: MakeOptions,
): Promise<Helper> {
  try {
    return await startOnce(driver, parts, how);
  } catch (error) {
    if (!(error instanceof KernelStalled)) throw error;
    how.onNote(
      `The emulated kernel of the machine that ${parts.purpose.does} '${parts.name}' stood still, so it was started again with one processor.`,
    );
    return startOnce(driver, { ...parts, cpus: 1 }, how);
  }
}

/** The kernel of a helper said that it waits for a processor, and then nothing more. */
class KernelStalled extends CannotTell {}

async function startOnce(
  driver: MachineDriver,
  parts: HelperParts,
  { directory, signal, onStage, onEvidence }: MakeOptions,
): Promise<Helper> {
  const machine = await driver.create(helperSpec(parts), { directory, signal });
  try {
    onEvidence({ kind: "console", path: machine.console.path });
    const stop = machine.console.onStage(({ stage, sinceMs }) => onStage(stage, sinceMs));
    await machine.power.on(signal);
    const { timeScale } = speedOf(driver, parts.architecture);
    const channel = channelOf(machine, timeScale);
    if (channel === null)
      throw new HostUnfit(`'${driver.kind}' machines do not have the port that a helper needs.`);
    const limitMs = answerMs * timeScale;
    await untilOpen(machine, channel, { parts, limitMs, signal });
    stop();
    machine.console.guestAnswered();
    return new Helper(machine, channel, parts);
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilOpen(
  { console, died }: Machine,
  channel: RootChannel,
  { parts, limitMs, signal }: { parts: HelperParts; limitMs: number; signal: AbortSignal },
): Promise<void> {
  using stalls = watchForStalls(console.path);
  const limit = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([signal, limit]);
  while (!channel.isOpen) {
    signal.throwIfAborted();
    if (limit.aborted)
      throw notUp(parts, console.path, `it did not answer within ${formatDuration(limitMs)}`);
    const changes = channel.changes(either);
    await Promise.race([changes, died, console.fatal, stalls.seen]).catch((error: unknown) => {
      signal.throwIfAborted();
      throw asOurs(error, parts, console.path);
    });
  }
}

/** After the kernel's line, how long the console may say nothing more. Milliseconds. */
const silentMs = 30_000;
/** Linux, Documentation/RCU/stallwarn.rst. */
const stallLine = /rcu: INFO: rcu_\w+ (?:detected stalls|self-detected stall)/;

/** Rejects with KernelStalled once the kernel has said that it waits for a processor, and has said nothing since. */
function watchForStalls(path: string): Disposable & { readonly seen: Promise<never> } {
  let reject: (error: Error) => void = () => undefined;
  const seen = new Promise<never>((_, no) => {
    reject = no;
  });
  seen.catch(() => undefined);
  let rest = "";
  let timer: NodeJS.Timeout | undefined;
  const follower = new FileFollower(path, {
    maxBytes: 64 * 1024 * 1024,
    onFull: () => undefined,
    onBytes: (bytes) => {
      rest = (rest + Buffer.from(bytes).toString("latin1")).slice(-4096);
      if (timer === undefined && !stallLine.test(rest)) return;
      clearTimeout(timer);
      timer = setTimeout(
        () => reject(new KernelStalled("The kernel of the helper stands still.")),
        silentMs,
      ).unref();
    },
  });
  follower.start();
  return {
    seen,
    [Symbol.dispose]() {
      clearTimeout(timer);
      void follower.stop();
    },
  };
}

const notUp = (
  { name, purpose }: HelperParts,
  lookAt: string,
  why: string,
  cause?: unknown,
): CannotTell =>
  new CannotTell(`The machine in which '${name}' was to be ${purpose.is} did not come up.`, {
    cause,
    details: {
      why,
      "it is":
        "the image's own kernel and initrd, started directly, with the image's files as an erofs root",
      "to do": purpose.advice,
    },
    lookAt,
  });

/** The helper is ours: a panic in it says that our way of starting the kernel did not work. */
function asOurs(error: unknown, parts: HelperParts, lookAt: string): unknown {
  if (!(error instanceof BootgateError) || error instanceof MachineFault) return error;
  if (error instanceof KernelStalled) return error;
  return notUp(parts, lookAt, error.headline, error);
}
