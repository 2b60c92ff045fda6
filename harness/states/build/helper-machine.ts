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
import type { Machine, MachineDriver, MachineSpec } from "../../machine/machine.ts";
import type { MakeOptions } from "../state.ts";
import { helperArguments } from "./helper-root.ts";

export interface HelperParts {
  /** How the image is called in messages. */
  readonly name: string;
  readonly architecture: MachineSpec["architecture"];
  readonly root: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The empty disk to install on, a qcow2 file. */
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
  readonly #name: string;

  constructor(machine: Machine, channel: RootChannel, name: string) {
    this.#machine = machine;
    this.#channel = channel;
    this.#name = name;
  }

  /** Runs a command. Throws what ended the machine, GuestLost for a line that went dead, or the abort reason. */
  async exec(command: string, timeoutMs: number, signal: AbortSignal): Promise<ExecOutcome> {
    const { died, console } = this.#machine;
    const running = this.#channel.exec(command, { timeoutMs, maxBytes, signal });
    running.catch(() => undefined);
    const outcome = await Promise.race([running, died, console.fatal]).catch((error: unknown) => {
      signal.throwIfAborted();
      throw asOurs(error, this.#name, console.path);
    });
    if (outcome.lost === null) return outcome;
    throw new GuestLost(`The machine in which '${this.#name}' is installed does not answer.`, {
      details: { command, why: outcome.lost },
      lookAt: console.path,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine[Symbol.asyncDispose]();
  }
}

/** What the helper asks of a machine. */
export const helperSpec = (parts: HelperParts): MachineSpec =>
  Object.freeze({
    name: "helper",
    architecture: parts.architecture,
    firmware: parts.architecture === "x86_64" ? "bios" : "uefi",
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
    directBoot: { kernel: parts.kernel, initrd: parts.initrd, arguments: helperArguments },
  });

/** Starts the helper and waits for its shell. Throws MachineFault for the host's faults, CannotTell where it does not come up. */
export async function startHelper(
  driver: MachineDriver,
  parts: HelperParts,
  { directory, signal, onStage, onEvidence }: MakeOptions,
): Promise<Helper> {
  const machine = await driver.create(helperSpec(parts), { directory, signal });
  try {
    onEvidence({ kind: "console", path: machine.console.path });
    const stop = machine.console.onStage(({ stage, sinceMs }) => onStage(stage, sinceMs));
    await machine.power.on(signal);
    const channel = channelOf(machine, driver.timeScale);
    if (channel === null)
      throw new HostUnfit(`'${driver.kind}' machines do not have the port that a helper needs.`);
    await untilOpen(machine, channel, parts.name, answerMs * driver.timeScale, signal);
    stop();
    machine.console.guestAnswered();
    return new Helper(machine, channel, parts.name);
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilOpen(
  { console, died }: Machine,
  channel: RootChannel,
  name: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([signal, limit]);
  while (!channel.isOpen) {
    signal.throwIfAborted();
    if (limit.aborted)
      throw notUp(name, console.path, `it did not answer within ${formatDuration(limitMs)}`);
    await Promise.race([channel.changes(either), died, console.fatal]).catch((error: unknown) => {
      signal.throwIfAborted();
      throw asOurs(error, name, console.path);
    });
  }
}

const notUp = (name: string, lookAt: string, why: string, cause?: unknown): CannotTell =>
  new CannotTell(`The machine in which '${name}' was to be installed did not come up.`, {
    cause,
    details: {
      why,
      "it is":
        "the image's own kernel and initrd, started directly, with the image's files as an erofs root",
      "to do": "install the image yourself and name the disk, or use another --builder",
    },
    lookAt,
  });

/** The helper is ours: a panic in it says that our way of starting the kernel did not work. */
function asOurs(error: unknown, name: string, lookAt: string): unknown {
  if (!(error instanceof BootgateError) || error instanceof MachineFault) return error;
  return notUp(name, lookAt, error.headline, error);
}
