/**
 * What machines of each architecture are made with: emulator, accelerator and limits. Found when the first machine of an
 * architecture is asked for, so that a host without ARM guests needs no emulator of ARM.
 */
import { arch } from "node:os";
import { type Architecture, supportedArchitectures } from "../../../images/image.ts";
import { HostUnfit } from "../../base/errors.ts";
import { defaultLimits, type WatcherOptions } from "../console/console-watcher.ts";
import { consolePatience, timeScaleOf } from "../profile.ts";
import {
  type Accelerator,
  type AcceleratorAnswer,
  findAccelerator,
  forceKvm,
} from "./accelerator.ts";
import type { HostOf, QemuHost } from "./assemble.ts";
import { findEmulator } from "./emulator.ts";
import { architectureFacts } from "./facts.ts";

/** What a driver can be told about the programs of this host. */
export interface HostOptions {
  /** Where the accelerator's answer is kept between runs. */
  readonly cacheDir: string;
  /** Skips the probe. KVM is refused where its device does not open. */
  readonly accelerator?: Accelerator;
  /** How long a kernel may take to come to its end when KVM is probed. Milliseconds. */
  readonly probeMs?: number;
  /** A kernel to probe KVM with when the host's own cannot be read. */
  readonly probeKernel?: string;
  /** Another QEMU program than the one on the path. */
  readonly binary?: string;
  /** Limits of the console watcher; by default as long as the accelerator asks for. */
  readonly limits?: WatcherOptions;
  readonly signal?: AbortSignal;
}

type Common = Omit<QemuHost, "emulator" | "facts" | "accelerator" | "reason" | "limits">;

/** The function that finds them, each once. It throws HostUnfit for what the host lacks. */
export function createHosts(options: HostOptions, common: Common): HostOf {
  const found = new Map<Architecture, Promise<QemuHost>>();
  return (architecture) => {
    const known = found.get(architecture) ?? findHost(architecture, options, common);
    found.set(architecture, known);
    return known;
  };
}

async function findHost(
  architecture: Architecture,
  options: HostOptions,
  common: Common,
): Promise<QemuHost> {
  const signal = options.signal ?? new AbortController().signal;
  const facts = architectureFacts[architecture];
  const { cacheDir, binary, probeKernel, probeMs } = options;
  const emulator = await findEmulator(facts, {
    signal,
    ...(binary === undefined ? {} : { binary }),
  });
  const { accelerator, reason } = await chooseAccelerator(options, {
    emulator,
    facts,
    cacheDir,
    signal,
    ...(probeKernel === undefined ? {} : { probeKernel }),
    ...(probeMs === undefined ? {} : { probeMs }),
  });
  const limits = options.limits ?? defaultLimits(consolePatience(timeScaleOf(accelerator)));
  return { ...common, emulator, facts, accelerator, reason, limits };
}

const chooseAccelerator = async (
  { accelerator: asked }: Pick<HostOptions, "accelerator">,
  probe: Parameters<typeof findAccelerator>[0],
): Promise<AcceleratorAnswer> => {
  if (asked === "kvm") return forceKvm(probe);
  if (asked !== undefined) return { accelerator: asked, reason: "It was asked for." };
  // Nothing is to be probed then, and what is remembered of the host's own stays.
  if (probe.facts.nodeArch !== arch())
    return {
      accelerator: "tcg",
      reason: `KVM runs only guests of the host's own architecture (${arch()}).`,
    };
  return findAccelerator(probe);
};

/** The parts for this host's own architecture, else for the first other one. Throws HostUnfit where there are none for any. */
export async function findFirstHost(hostOf: HostOf, own: Architecture): Promise<QemuHost> {
  try {
    return await hostOf(own);
  } catch (error) {
    if (!(error instanceof HostUnfit)) throw error;
    for (const other of supportedArchitectures) {
      if (other === own) continue;
      const host = await hostOf(other).catch(() => null);
      if (host !== null) return host;
    }
    throw error;
  }
}
