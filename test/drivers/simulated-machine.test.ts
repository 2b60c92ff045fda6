/** The simulated machine, put to the contract of all machines. */
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import type { SimulatedMachine } from "../simulated/machine.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { machineContract } from "./machine/contract.ts";

const digest = `sha256:${"1".repeat(64)}`;
const spec: MachineSpec = {
  name: "v1",
  architecture: "x86_64",
  firmware: "uefi",
  memoryMiB: 128,
  cpus: 1,
  disks: [{ kind: "blank", sizeMiB: 1 }],
  network: "closed",
  forwards: [],
  credentials: {},
  imageDigest: digest,
};

machineContract(
  "simulated",
  async () => ({
    driver: createSimulatedDriver({ world: new SimulatedWorld() }),
    spec,
    guestSwitchesOff: (machine) => (machine as SimulatedMachine).switchItselfOff(),
    kill: async (machine) => (machine as SimulatedMachine).die("killed"),
  }),
  { kernelMs: 10_000, offMs: 10_000 },
);
