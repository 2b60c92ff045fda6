/** The simulated driver with a template that is always there, for tests of what a fork changes. */
import type { Machine, MachineDriver, Templates } from "../../harness/machine/machine.ts";
import { changed } from "./machines.ts";

/** The machine as it is, but for how it says it was started. */
const asFork = (machine: Machine): Machine => changed(machine, { start: "fork" });

/** Gives the simulated driver a template that is always there; `fork` is what becomes of it. */
export function withTemplate(
  driver: MachineDriver,
  fork: Templates["fork"],
  forgotten: string[] = [],
): MachineDriver {
  const templates: Templates = {
    key: async () => "key",
    find: async () => "/templates/key",
    lock: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
    freeze: async () => undefined,
    forget: async (key) => void forgotten.push(key),
    fork,
  };
  return { ...driver, templates, capabilities: new Set([...driver.capabilities, "snapshot"]) };
}

/** A fork that works. */
const works =
  (driver: MachineDriver): Templates["fork"] =>
  async (_key, spec, options) => {
    const machine = await driver.create(spec, options);
    await machine.power.on(options.signal);
    return asFork(machine);
  };

/** The driver with forks that work. */
export const withForks = (driver: MachineDriver): MachineDriver =>
  withTemplate(driver, works(driver));
