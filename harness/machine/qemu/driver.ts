/**
 * Machines by QEMU: the default driver, because a QEMU process lives and dies with the harness and needs no daemon.
 * It makes machines ready to switch on; everything slow or doubtful (emulator, accelerator, firmware) is settled first.
 */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { hostArchitecture } from "../../../images/image.ts";
import { HostUnfit, UsageError } from "../../base/errors.ts";
import { createWorkspace } from "../../base/workspace.ts";
import type { CreateOptions, HostCost, Machine, MachineDriver, MachineSpec } from "../machine.ts";
import { timeScaleOf } from "../profile.ts";
import type { Accelerator } from "./accelerator.ts";
import { assembleMachine, type HostOf, type QemuHost, varsName } from "./assemble.ts";
import { prepareDisks } from "./disks.ts";
import { findForwardCommand } from "./emulator.ts";
import { architectureFacts } from "./facts.ts";
import { descriptorFolders, requireKind } from "./firmware.ts";
import { chooseFirmware, type FirmwareSpec, firmwareOf } from "./firmware-of.ts";
import { createHosts, findFirstHost, type HostOptions } from "./hosts.ts";
import type { FindVariablesProgram } from "./own-keys.ts";
import type { FirmwareFiles } from "./qemu-argv.ts";
import { recorded } from "./record.ts";
import { QemuTemplates } from "./templates.ts";
import { tpmVersion } from "./tpm.ts";

export interface QemuDriverOptions extends HostOptions {
  /** Where templates and the accelerator's answer are kept between runs. */
  readonly cacheDir: string;
  readonly firmwareFolders?: readonly string[];
  /** What writes variable stores. Default: `virt-fw-vars` on the path. */
  readonly variablesProgram?: FindVariablesProgram;
  /** Another program than the `swtpm` on the path. */
  readonly tpmProgram?: string;
  /** Budget for QEMU to come up and greet on its monitor, in milliseconds. Default 30 s. */
  readonly greetingMs?: number;
  /** Size at which a console log ends. Default 1 GiB. */
  readonly maxConsoleBytes?: number;
  readonly onProgress?: (line: string) => void;
}

export interface QemuDriver extends MachineDriver {
  readonly kind: "qemu";
  readonly accelerator: Accelerator;
  /** How the accelerator was found, one sentence. */
  readonly acceleratorReason: string;
  readonly version: string;
  /** Version of the emulator of an architecture. Throws HostUnfit where there is none. */
  versionOf(architecture: MachineSpec["architecture"]): Promise<string>;
  readonly templates: QemuTemplates;
}

/** Memory of QEMU itself beside the guest's: translated code under TCG, buffers, firmware. Measured, rounded up. */
export const emulatorMiB = 300;
/** A free address in QEMU's user network (qemu-system(1), -netdev user), the same in every run; disks of the reference OS follow it. */
export const registryAddress = { address: "10.0.2.100", port: 5000 } as const;
/** An upgrade of the reference OS writes far less; a real one pulls about 2 GiB. */
const overlayMiB = 4096;

/**
 * Settles emulator, accelerator and helpers for guests of this host's own architecture; those of another when the first of
 * them is asked for. Throws HostUnfit when this host cannot run QEMU machines at all.
 */
export async function createQemuDriver(options: QemuDriverOptions): Promise<QemuDriver> {
  const common = {
    forwardCommand: await findForwardCommand(),
    firmwareFolders: options.firmwareFolders ?? descriptorFolders(),
    cacheDir: options.cacheDir,
    variablesProgram: options.variablesProgram,
    tpmProgram: options.tpmProgram ?? "swtpm",
    greetingMs: options.greetingMs ?? 30_000,
    maxConsoleBytes: options.maxConsoleBytes ?? 1024 ** 3,
    onProgress: options.onProgress ?? (() => undefined),
  };
  const hostOf = createHosts(options, common);
  const own = await findFirstHost(hostOf, hostArchitecture());
  const { accelerator, reason, emulator, facts } = own;
  const acceleratorOf = (architecture: MachineSpec["architecture"]): Accelerator =>
    architecture === facts.architecture ? accelerator : "tcg";
  return {
    kind: "qemu",
    accelerator,
    acceleratorReason: reason,
    version: emulator.version,
    versionOf: async (architecture) => (await hostOf(architecture)).emulator.version,
    timeScale: timeScaleOf(accelerator),
    speedOf: (architecture) => ({
      accelerator: acceleratorOf(architecture),
      timeScale: timeScaleOf(acceleratorOf(architecture)),
    }),
    registry: registryAddress,
    // SeaBIOS leaves out a disk with larger sectors: src/hw/virtio-blk.c, "block size %d is unsupported".
    sectorBytes: (firmware) => (firmware === "bios" ? [512] : [512, 4096]),
    capabilities: new Set([
      ...(["power", "keys", "network", "services", "more-disks", "disk-bus"] as const),
      ...(["screenshot", "snapshot", "removable-media", "tpm", "write-log"] as const),
    ]),
    templates: new QemuTemplates(options.cacheDir, hostOf),
    refuse: (spec) => refuse(hostOf, spec),
    cost: (spec) => costOfGuest(spec),
    create: async (spec, create) => createMachine(await hostOf(spec.architecture), spec, create),
  };
}

async function refuse(
  hostOf: HostOf,
  spec: FirmwareSpec & Pick<MachineSpec, "tpm">,
): Promise<string | null> {
  const { architecture, firmware } = spec;
  try {
    // No package brings what does not exist, so that is told first.
    requireKind(firmware, architecture, architectureFacts[architecture]);
    const host = await hostOf(architecture);
    await chooseFirmware(host, spec);
    if (spec.tpm !== undefined) await tpmVersion(host.tpmProgram);
    return null;
  } catch (error) {
    if (!(error instanceof HostUnfit)) throw error;
    const { install } = error.details;
    return install === undefined ? error.headline : `${error.headline} Install it: ${install}.`;
  }
}

/** What a guest under QEMU takes from the host; `besideMiB` is the memory of QEMU and of what serves it. */
export function costOfGuest(spec: MachineSpec, besideMiB = emulatorMiB): HostCost {
  const disks = spec.disks.filter(({ kind }) => kind !== "iso").length;
  return {
    memoryMiB: spec.memoryMiB + besideMiB,
    cpus: spec.cpus,
    // A record, and then a disk as a whole on which it is replayed.
    diskMiB: overlayMiB * (Math.max(1, disks) + (spec.recordsWrites === true ? 2 : 0)),
    locks: [],
  };
}

/** What must hold of a machine in QEMU's user network before anything is made. Throws UsageError or HostUnfit. */
export function checkNames(spec: MachineSpec, forwardCommand: readonly string[] | null): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(spec.name))
    throw new UsageError(
      `A machine's name is letters, digits and dashes, not '${spec.name.slice(0, 80)}'.`,
    );
  if (spec.disks.length === 0) throw new UsageError(`Machine '${spec.name}' has no disk.`);
  for (const { guestAddress } of spec.forwards) {
    // QEMU's user network: .2 is the host, .3 the name server, .15 the guest (qemu-system(1), -netdev user).
    const last = /^10\.0\.2\.(\d{1,3})$/.exec(guestAddress)?.[1];
    if (last === undefined || Number(last) < 4 || Number(last) === 15 || Number(last) > 254)
      throw new UsageError(
        `A forward's address must be a free one in 10.0.2.0/24, not '${guestAddress}'.`,
      );
  }
  if (spec.forwards.length > 0 && forwardCommand === null)
    throw new HostUnfit("The host has no command 'nc', by which a guest reaches the registry.", {
      details: { install: "apt install netcat-openbsd, or dnf install nmap-ncat" },
    });
}

async function createMachine(
  host: QemuHost,
  spec: MachineSpec,
  options: CreateOptions,
): Promise<Machine> {
  checkNames(spec, host.forwardCommand);
  options.signal.throwIfAborted();
  const workspace = await createWorkspace("qemu");
  try {
    const disks = await recorded(
      spec,
      await prepareDisks(spec.disks, workspace.path, options.signal),
      workspace.path,
    );
    const firmware = await prepareFirmware(host, spec, workspace.path);
    const files = { disks, firmware, forkedMemory: null };
    return await assembleMachine(host, spec, { ...options, workspace, files, start: "cold" });
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

async function prepareFirmware(
  host: QemuHost,
  spec: MachineSpec,
  folder: string,
): Promise<FirmwareFiles> {
  const found = await firmwareOf(host, spec);
  if (found === null) return { kind: "built-in" };
  const vars = { path: join(folder, varsName), format: found.varsTemplate.format };
  await copyFile(found.varsTemplate.path, vars.path);
  return { kind: "flash", code: found.code, vars, needsSmm: found.needsSmm };
}
