/**
 * What the contract suites of a machine's roles are put to: a driver, a machine that it can make, and what has to be done from
 * outside to make its guest or the machine itself do what no driver offers.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Machine, MachineDriver, MachineSpec } from "../../../harness/machine/machine.ts";

export interface ContractSubject {
  readonly driver: MachineDriver;
  /** A machine whose image boots at least into its kernel. */
  readonly spec: MachineSpec;
  /** Makes the guest of a machine that is on switch itself off, as `poweroff` in it does. Returns before it is off. */
  readonly guestSwitchesOff: (machine: Machine) => Promise<void>;
  /** Kills the machine, as the host may. */
  readonly kill: (machine: Machine) => Promise<void>;
}

export interface ContractOptions {
  /** Budget for the kernel to show on the console after power-on, in milliseconds. */
  readonly kernelMs: number;
  /** Budget for the guest to be off once it switches itself off. */
  readonly offMs: number;
}

/** What each suite works with. */
export interface Contract extends ContractOptions {
  readonly subject: () => ContractSubject;
  /** A folder of the suite's own, new at each call. */
  readonly folder: () => Promise<string>;
  readonly create: (change?: Partial<MachineSpec>) => Promise<Machine>;
  /** Returns once the kernel is seen. */
  readonly kernel: (machine: Machine) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Binds the subject and the folder, which are there when the first test begins. */
export function contractOf(
  subject: () => ContractSubject,
  root: () => string,
  options: ContractOptions,
): Contract {
  const { signal } = new AbortController();
  let count = 0;
  const folder = async (): Promise<string> => {
    const path = join(root(), String(count++));
    await mkdir(path);
    return path;
  };
  return {
    ...options,
    subject,
    folder,
    signal,
    async create(change = {}) {
      const { driver, spec } = subject();
      return driver.create({ ...spec, ...change }, { directory: await folder(), signal });
    },
    kernel: (machine) =>
      Promise.race([
        machine.console.reached("kernel", AbortSignal.timeout(options.kernelMs)),
        machine.console.fatal,
        machine.died,
      ]),
  };
}
