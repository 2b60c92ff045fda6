/**
 * The machine of the fast tests: no hardware, a small model of an image-based system behind a real SSH server and the
 * real console watcher. It boots in milliseconds, so every scenario and every sabotage of it can be rehearsed in seconds.
 */
import { join } from "node:path";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import type {
  CreateOptions,
  Machine,
  MachineDriver,
  MachineSpec,
} from "../../harness/machine/machine.ts";
import { SimulatedMachine } from "./machine.ts";
import { leaveCut } from "./power-cuts.ts";
import type { SabotageName } from "./sabotages.ts";
import { SimulatedSystem } from "./system.ts";
import { guestAddress, guestPort, type SimulatedWorld } from "./world.ts";

export interface SimulatedDriverOptions {
  readonly world: SimulatedWorld;
  readonly sabotage?: SabotageName;
  /** The image that carries an image's sabotage; all images when absent. */
  readonly sabotagedDigest?: string;
  /** Opens the disk, which asks for it at each boot; absent: it is not encrypted. */
  readonly diskPassphrase?: string;
  /** Stretches the limits of the console. Default 1. */
  readonly patience?: number;
}

/** A driver whose machines know the image they boot by `MachineSpec.imageDigest` alone. */
export function createSimulatedDriver(options: SimulatedDriverOptions): MachineDriver {
  const plan = {
    sabotage: options.sabotage ?? null,
    sabotagedDigest: options.sabotagedDigest ?? null,
  };
  return {
    kind: "simulated",
    capabilities: new Set([
      "power",
      "keys",
      "network",
      "services",
      "more-disks",
      "disk-bus",
      "tpm",
      "write-log",
    ]),
    accelerator: "none",
    version: null,
    timeScale: 1,
    registry: { address: guestAddress, port: guestPort },
    sectorBytes: (firmware) => (firmware === "bios" ? [512] : [512, 4096]),
    templates: null,
    refuse: async () => null,
    cost: () => ({ memoryMiB: 1, cpus: 0, diskMiB: 0, locks: [] }),
    async create(spec: MachineSpec, how: CreateOptions): Promise<Machine> {
      const { imageDigest: digest, forwards, diskBus, firmware } = spec;
      const { world } = options;
      const system = new SimulatedSystem({ world, digest, forwards, plan, diskBus, firmware });
      leaveCut(system, spec.disks);
      return assemble(spec, system, how, options);
    },
  };
}

async function assemble(
  spec: MachineSpec,
  system: SimulatedSystem,
  { directory, signal }: CreateOptions,
  {
    patience = 1,
    diskPassphrase,
  }: Pick<SimulatedDriverOptions, "patience" | "diskPassphrase"> = {},
): Promise<SimulatedMachine> {
  signal.throwIfAborted();
  const console = new ConsoleLog({
    path: join(directory, "console.log"),
    name: spec.name,
    ...defaultLimits(patience),
    passphrase: spec.passphrase,
  });
  const machine = new SimulatedMachine(spec, system, console, diskPassphrase);
  await machine.open();
  return machine;
}

/** A machine that goes on with the system of one that was frozen, by its own forwards. There can be one at a time. */
export async function forkSimulated(
  spec: MachineSpec,
  system: SimulatedSystem,
  how: CreateOptions,
): Promise<SimulatedMachine> {
  system.forwards = spec.forwards;
  const machine = await assemble(spec, system, how);
  machine.resume();
  return machine;
}
