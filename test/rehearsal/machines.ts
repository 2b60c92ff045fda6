/** Drivers of the simulated machine that behave to order, and the machines that they made. */
import type { Machine, MachineDriver } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import type { SimulatedMachine } from "../simulated/machine.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { SimulatedWorld } from "../simulated/world.ts";

/** A machine with some of its parts replaced. */
export function changed(machine: Machine, parts: Partial<Machine>): Machine {
  return new Proxy(machine, {
    get(target, name) {
      if (name in parts) return Reflect.get(parts, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The driver, with each machine changed as it is made. */
export const withMachines = (
  driver: MachineDriver,
  change: (machine: Machine) => Machine,
): MachineDriver => ({
  ...driver,
  create: async (spec, options) => change(await driver.create(spec, options)),
});

/** A simulated driver that keeps what it made. */
export function keepingDriver(sabotage?: SabotageName): {
  readonly driver: MachineDriver;
  readonly machines: SimulatedMachine[];
} {
  const machines: SimulatedMachine[] = [];
  const plain = createSimulatedDriver({
    world: new SimulatedWorld(),
    ...(sabotage === undefined ? {} : { sabotage }),
  });
  const driver = withMachines(plain, (machine) => {
    machines.push(machine as SimulatedMachine);
    return machine;
  });
  return { driver, machines };
}
